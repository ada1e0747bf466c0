"""CI: the last runs of configured repositories and branches, from GitHub, GitLab and plug-ins."""
