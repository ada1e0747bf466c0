"""Pure renderers: from an operation's values to rows. Screens and the overview share them."""
