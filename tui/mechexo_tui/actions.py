"""The one table of what can be done: it drives keys, footer, help, the command line and tests."""

from __future__ import annotations

from collections.abc import Collection

from mechexo.actor import Role
from mechexo.value_classes import dataclass

SCREENS = (
    ("1", "overview", "The desk at a glance", ("home",)),
    ("2", "alerts", "All open alerts and the story of each", ()),
    ("3", "flows", "Flow runs and how they perform", ()),
    ("4", "costs", "Trading costs by day, symbol and hour", ()),
    ("5", "resources", "Machines, processes and connections", ("system",)),
    ("6", "risk", "Risk, trading and capital", ("trading",)),
    ("7", "runbook", "The runbook", ("runbooks",)),
    ("8", "messages", "Messages sent, and who did what", ("log",)),
    ("9", "incidents", "Incidents and their timelines", ()),
    ("0", "ci", "CI: a badge for each workflow, the last runs", ()),
)
"""Key, name, text and other names of every screen."""

LISTS = frozenset({"overview", "alerts"})
CHANGES = frozenset({"changes"})
"""The time line of what changed, opened from another screen."""
OF_ALERTS = LISTS | CHANGES | {"entry", "step", "step-by-hand", "diff", "resources", "risk"}
"""Screens on which an alert may be chosen: in a list, or because one came from it."""
ANYWHERE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do. `where` names screens; empty means all of them."""

    id: str
    keys: tuple[str, ...]
    text: str
    """What it does, in the help."""
    where: frozenset[str] = ANYWHERE
    short: str = ""
    """Its word in the footer; without one it is not shown there."""
    changes: bool = False
    """Whether it changes the desk's records: refused when read-only."""
    needs: Role = Role.VIEWER
    on_alert: bool = False
    """Whether it works on the chosen alert."""
    words: tuple[str, ...] = ()
    """What it is called on the command line of the console."""
    first_key: str = ""
    """How its key is written for people, where that differs."""

    @property
    def key_text(self) -> str:
        """Its first key as people write it."""
        return self.first_key or NAMES.get(self.keys[0], self.keys[0])


NAMES = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
}
"""Textual's names of keys to the ones on the keyboard."""

TEXTS = frozenset({"diff", "help", "tail"})
"""Screens of plain text, opened from another one."""

FLOWS = frozenset({"flows", "flow", "deployment"})
"""The flows, one of them, one deployment of an orchestrator."""

STEPS = frozenset({"step", "step-by-hand", "step-running"})
"""The screen of one step of a runbook entry, by what can be done with it now."""
FOLLOWED = STEPS | {"entry"}
"""A runbook entry that is followed, and one of its steps."""
INCIDENTS = frozenset({"incident", "incident-closed"})
"""The screen of one incident, by how it stands."""

PLANS = frozenset(
    {
        *("plan", "plan-held", "plan-spent", "plan-applying", "plan-applied"),
        *("plan-not-redeployed", "plan-undone", "plan-unfinished"),
    }
)
"""The screen of a rollback plan by what can be done with it now."""
ROLLBACK = PLANS | {"rollback"}
"""What is chosen to be rolled back, and the plan for it."""

COSTS = frozenset({"costs", "costs-fills", "costs-fill", "costs-plots", "costs-exceptions"})
"""The costs screen by what it shows: groups, fills, one fill, plots, exceptions."""

GRAFANA = frozenset({"grafana", "grafana-panels"})
"""Grafana's dashboards, and the panels of one."""

ALL_SCREENS = (
    frozenset(name for _, name, _, _ in SCREENS)
    | TEXTS | GRAFANA | COSTS | CHANGES | ROLLBACK | FOLLOWED | INCIDENTS | FLOWS
)  # fmt: skip

COST_LISTS = frozenset({"costs", "costs-fills", "costs-exceptions"})
COST_SORTED = frozenset({"costs", "costs-fills"})
COST_SORTS = {
    "T": ("total", "Sort by total", COST_SORTED),
    "C": ("commission", "Sort by commission", COST_SORTED),
    "S": ("slippage", "Sort by slippage", COST_SORTED),
    "H": ("spread", "Sort by half-spread", COST_SORTED),
    "B": ("beyond", "Sort by slippage beyond the touch", COST_SORTED),
    "A": ("amount", "Sort by the total amount", COST_SORTED),
    "V": ("value", "Sort by notional value", COST_SORTED),
    "F": ("fills", "Sort by fills (fills: by quantity)", COST_SORTED),
    "P": ("p95", "Sort by 95th percentile", frozenset({"costs"})),
    "N": ("key", "Sort by name (fills: by time)", COST_SORTED),
}
"""Keys to what costs are ordered by, its text, and where."""

PERIODS = {"t": (0, "today"), "w": (5, "5days"), "m": (20, "20days")}
"""Keys to how many session days before today a period of costs goes back, and their words."""

SECTIONS = ("history", "flows", "resources", "risk")
SECTION_KEYS = {"i": "history", "f": "flows", "m": "resources", "t": "risk", "c": "costs"}
SORTS = {
    "S": ("severity", "Sort by severity"),
    "T": ("age", "Sort by age"),
    "N": ("name", "Sort by name"),
    "L": ("level", "Sort by level"),
    "W": ("next", "Sort by who is told next"),
}

ACTIONS: tuple[Action, ...] = (
    Action("open", ("enter",), "Open the alert's runbook entry, or the section", LISTS, "open"),
    Action("runbook", ("b",), "Open the runbook entry of the alert", OF_ALERTS - FOLLOWED,
           "runbook", on_alert=True, words=("entry",)),
    Action("open", ("enter",), "Open the chosen row",
           frozenset({"flows", "runbook", "resources", "risk", "messages", "rollback", "incidents",
                      "ci", "grafana"}) | FLOWS | COST_LISTS | CHANGES | INCIDENTS, "open"),
    Action("open", ("enter",), "Draw the panel, and show it in place of the console",
           frozenset({"grafana-panels"}), "picture"),
    Action("ask-grafana", ("a",), "Ask Grafana for its dashboards now", frozenset({"grafana"}),
           "ask", words=("ask",)),
    Action("open", ("enter",), "Show what the chosen step would run; nothing is run yet",
           frozenset({"entry"}), "step"),
    Action("run-step", ("enter",), "Run the step, after it was asked for as its risk demands",
           frozenset({"step"}), "run", changes=True, needs=Role.RESPONDER, words=("run",)),
    Action("end-step", ("e",), "End the run, with all that it started",
           frozenset({"step-running"}), "end it", words=("end",)),
    Action("tick", ("space",), "Tick the step, or take the tick back",
           frozenset({"entry", "step", "step-by-hand"}), "tick", changes=True,
           needs=Role.RESPONDER, words=("tick",)),
    Action("run-reads", ("e",), "Run the steps that only read, from here on, until one fails",
           frozenset({"entry"}), "run reads", changes=True, needs=Role.RESPONDER, words=("reads",)),
    Action("note", ("n",), "Write a note into the incident's timeline",
           frozenset({"entry"}) | INCIDENTS, "note", changes=True, needs=Role.RESPONDER,
           words=("note",)),
    Action("incident", ("i",), "Show the incident that the entry is followed for",
           frozenset({"entry"}), "incident", words=("incident",)),
    Action("open-incident", ("n",), "Open a new incident by hand", frozenset({"incidents"}), "new",
           changes=True, needs=Role.RESPONDER, words=("new",)),
    Action("join", ("a",), "Say that you take part", frozenset({"incident"}), "join",
           changes=True, needs=Role.RESPONDER, words=("join",)),
    Action("lead", ("v",), "Say who leads", frozenset({"incident"}), "lead", changes=True,
           needs=Role.RESPONDER, words=("lead",)),
    Action("severity", ("s",), "Say how bad it is", INCIDENTS, "severity", changes=True,
           needs=Role.RESPONDER, words=("severity",)),
    Action("mitigated", ("t",), "Say that it does no more harm", frozenset({"incident"}),
           "mitigated", changes=True, needs=Role.RESPONDER, words=("mitigated",)),
    Action("close", ("d",), "Say that it is over", frozenset({"incident"}), "close",
           changes=True, needs=Role.RESPONDER, words=("close",)),
    Action("reopen", ("u",), "Say that it is open again", INCIDENTS, changes=True,
           needs=Role.RESPONDER, words=("reopen",)),
    Action("postmortem", ("m",), "Write the postmortem, from the records, and show it", INCIDENTS,
           "postmortem", words=("postmortem",)),
    Action("cost", ("c",), "Show what it cost, against the same hours before", INCIDENTS, "cost",
           words=("cost",)),
    Action("type-time", ("t",), "Type the time to go back to", frozenset({"rollback"}), "time",
           words=("time",)),
    Action("next-panel", ("tab",), "From what to when and back", frozenset({"rollback"}), "when"),
    Action("changes", ("w",), "Show what changed around the alert (without one: until now)",
           OF_ALERTS - CHANGES, "changes", words=("changes",)),
    Action("rollback", ("x",), "Show what a rollback of the suspected change would do (dry run)",
           OF_ALERTS - {"diff"}, "rollback", words=("diff",)),
    Action("rollback-flow", ("x",), "Show what a rollback of the flow would do (dry run)", FLOWS,
           "rollback", words=("diff",)),
    Action("run-now", ("n",), "Run the chosen deployment now; asks for its name", FLOWS - {"flow"},
           "run now", changes=True, needs=Role.OPERATOR, words=("run",)),
    Action("turn-schedule", ("s",), "Pause the deployment's schedule, or resume it; asks for its "
           "name", FLOWS - {"flow"}, "schedule", changes=True, needs=Role.OPERATOR,
           words=("schedule",)),
    Action("retry-run", ("t",), "Run the chosen run once more; asks for the beginning of its id",
           frozenset({"deployment"}), "retry", changes=True, needs=Role.OPERATOR,
           words=("retry",)),
    Action("cancel-run", ("c",), "End the chosen run; asks for the beginning of its id",
           frozenset({"deployment"}), "cancel", changes=True, needs=Role.OPERATOR,
           words=("cancel",)),
    Action("go-on", ("enter",), "Go on with this plan: apply it, or set a guard aside",
           frozenset({"diff"}), "go on"),
    Action("apply-plan", ("a",), "Apply the plan: asks why, and for its digest",
           frozenset({"plan"}), "apply", changes=True, needs=Role.OPERATOR, words=("apply",)),
    Action("apply-plan", ("a",), "Apply the plan: not as it stands", frozenset({"plan-held",
           "plan-spent"}), changes=True, needs=Role.OPERATOR, words=("apply",)),
    Action("undo-run", ("u",), "Take the rollback back: shows a fresh plan to confirm",
           frozenset({"plan-applied", "plan-not-redeployed"}), "undo", words=("undo",)),
    Action("undo-run", ("u",), "Take the chosen rollback back: shows a plan to confirm",
           frozenset({"rollback"}), words=("undo",)),
    Action("redeploy-run", ("d",), "Tell the orchestrator again of what was changed",
           frozenset({"plan-not-redeployed"}), "redeploy", changes=True, needs=Role.OPERATOR,
           words=("redeploy",)),
    Action("recover-run", ("c",), "Finish what was cut off or waits for a person",
           frozenset({"plan-unfinished"}), "finish", changes=True, needs=Role.OPERATOR,
           words=("recover",)),
    Action("set-aside", ("o",), "Set a guard that does not hold aside, by its name",
           frozenset({"plan-held"}), "set aside", words=("override",)),
    Action("plan-again", ("m",), "Make the plan again, on the world of now",
           frozenset({"plan", "plan-held", "plan-spent", "plan-undone"}), "again",
           words=("again",)),
    Action("next-file", ("n",), "To the next file of the diff", PLANS - {"plan-applying"}, "next"),
    Action("previous-file", ("p",), "To the file before", PLANS - {"plan-applying"}, "previous"),
    Action("beside", ("v",), "Before and after side by side, or in one",
           PLANS - {"plan-applying"}, "view", words=("view",)),
    Action("acknowledge", ("a",), "Acknowledge the alert", OF_ALERTS, "ack", changes=True,
           needs=Role.RESPONDER, on_alert=True, words=("ack",)),
    Action("silence", ("s",), "Silence the alert for a while", OF_ALERTS, "silence",
           changes=True, needs=Role.RESPONDER, on_alert=True, words=("silence",)),
    Action("resolve", ("d",), "Resolve the alert: it is done", OF_ALERTS - {"overview"}, "resolve",
           changes=True, needs=Role.RESPONDER, on_alert=True, words=("resolve",)),
    Action("unsilence", ("u",), "End a silence that covers the alert", OF_ALERTS - {"overview"},
           "unsilence", changes=True, needs=Role.RESPONDER, on_alert=True, words=("unsilence",)),
    Action("raise", ("n",), "Raise a new alert by hand", frozenset({"alerts"}), "raise",
           changes=True, needs=Role.RESPONDER, words=("raise",)),
    Action("acknowledge-cost", ("a",), "Say that the chosen exception was looked at",
           frozenset({"costs-exceptions"}), "ack", changes=True, needs=Role.RESPONDER,
           words=("ack",)),
    Action("next-panel", ("tab",), "Group by the next dimension", frozenset({"costs"}), "group"),
    Action("group-ask", ("b",), "Group by what you name; + combines: symbol+hour",
           frozenset({"costs"}), "by", words=("by",)),
    Action("cost-fills", ("f",), "List the fills of the chosen row", frozenset({"costs"}), "fills"),
    Action("cost-all-fills", ("o",), "List all fills of the table", frozenset({"costs"}),
           words=("fills",)),
    Action("cost-plots", ("v",), "Draw days, times of day, distribution and markouts",
           COSTS - {"costs-plots"}, "plots", words=("plots",)),
    Action("cost-exceptions", ("x",), "List the fills that somebody should look at",
           COSTS - {"costs-exceptions"}, "exceptions", words=("exceptions",)),
    *(Action(f"period-{days}", (key,), f"Costs of today{f' and {days} days back' if days else ''}",
             COSTS, "today" if not days else f"{days}d", words=(word,))
      for key, (days, word) in PERIODS.items()),
    Action("period-ask", ("d",), "Costs of other days: asks from when to when", COSTS, "dates",
           words=("period", "dates")),
    Action("export-costs", ("e",), "Write all that is shown into a CSV file", COSTS, "export",
           words=("csv",)),
    Action("filter", ("slash",), "Keep rows with these words; ! in front keeps the others",
           frozenset({"overview", "alerts", "flows", "resources", "risk", "messages", "incidents"})
           | COST_LISTS | CHANGES | INCIDENTS | {"rollback", "ci", *GRAFANA} | FLOWS, "filter"),
    Action("filter", ("slash",), "Search as you type: id, alert, symptom, any words",
           frozenset({"runbook"}), "search"),
    Action("next-panel", ("tab",), "From the list to the alert's story and back",
           frozenset({"alerts"}), "story"),
    Action("next-panel", ("tab",), "From the list to the story of the row and back", CHANGES,
           "story"),
    Action("next-panel", ("tab",), "From the checklist to the text and back",
           frozenset({"entry"}), "text"),
    Action("sort-rank", ("S",), "Sort by suspicion, the likeliest first", CHANGES),
    Action("sort-when", ("T",), "Sort by time, the newest first", CHANGES),
    Action("reasons", ("o",), "Show every reason why ops_ok does not hold",
           frozenset({"overview"}), words=("reasons",)),
    Action("command", ("colon",), "Command line; tab completes", ANYWHERE, "command"),
    Action("help", ("question_mark",), "What can be done on this screen", ANYWHERE, "help",
           words=("help",)),
    Action("quit", ("q",), "Leave the console", frozenset({"overview"}), "quit"),
    Action("back", ("q", "escape", "h", "backspace"), "Go back",
           ALL_SCREENS - {"overview"}, "back"),
    Action("clear", ("escape", "h", "backspace"), "Clear the filter", frozenset({"overview"})),
    *(Action(f"show-{name}", (key,), text, words=(name, *others))
      for key, name, text, others in SCREENS),
    Action("show-rollback", ("X",), "What can be rolled back, and what was", words=("rollback",)),
    Action("show-grafana", ("D",), "Grafana's dashboards, as links for your browser",
           words=("grafana", "dashboards")),
    *(Action(f"fold-{name}", (key,), f"Open or close the section: {name}",
             frozenset({"overview"})) for key, name in SECTION_KEYS.items()),
    *(Action(f"sort-{what}", (key,), f"{text}; again turns it round", frozenset({"alerts"}))
      for key, (what, text) in SORTS.items()),
    *(Action(f"sort-{what}", (key,), f"{text}; again turns it round", where)
      for key, (what, text, where) in COST_SORTS.items()),
    Action("refresh", ("r", "ctrl+r"), "Read everything again now", words=("refresh",)),
    Action("redraw", ("ctrl+l",), "Paint the screen anew", words=("redraw",)),
    Action("pause", ("p",), "Stop refreshing, or go on", ALL_SCREENS - PLANS, words=("pause",)),
    Action("report", ("R",), "Show the shift report, and write it to a file", words=("report",)),
    Action("copy", ("y",), "Copy the chosen row to the terminal's clipboard", words=("copy",)),
    Action("down", ("j", "down"), "Down"),
    Action("up", ("k", "up"), "Up"),
    Action("left", ("left",), "Shift long lines to the right"),
    Action("right", ("l", "right"), "Shift long lines to the left"),
    Action("page-down", ("pagedown", "space", "ctrl+f"), "A page down"),
    Action("page-up", ("pageup",), "A page up"),
    Action("first", ("g", "home"), "To the first row"),
    Action("last", ("G", "end"), "To the last row"),
    Action("next-panel", ("tab",), "Switch between the parts of the screen",
           frozenset(name for _, name, _, _ in SCREENS if name not in {"alerts", "costs"})),
    Action("suspend", (), "Put the console aside; fg in the shell brings it back",
           words=("suspend",)),
    Action("leave", ("ctrl+c", "ctrl+q"), "Leave the console at once", words=("quit", "q")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether an action works now."""

    screen: str
    role: Role
    actor: str
    read_only: bool
    alert_chosen: bool


def actions_of(screen: str) -> tuple[Action, ...]:
    """What can be done on a screen, in the order of the table."""
    return tuple(action for action in ACTIONS if not action.where or screen in action.where)


def action_for(key: str, screen: str) -> Action | None:
    """The action behind a key on a screen."""
    return next((action for action in actions_of(screen) if key in action.keys), None)


def action_called(action_id: str, screen: str) -> Action | None:
    """The action with an id on a screen."""
    return next((action for action in actions_of(screen) if action.id == action_id), None)


def why_disabled(action: Action, situation: Situation) -> str:
    """Why an action does not work now; empty when it does."""
    if action.changes and situation.read_only:
        return "the console was opened read-only"
    if situation.role < action.needs:
        return f"needs the role {action.needs.label}; {situation.actor} is {situation.role.label}"
    if action.on_alert and not situation.alert_chosen:
        return "no alert is chosen"
    return ""


def all_keys() -> tuple[str, ...]:
    """Every key of the table, once."""
    return tuple(dict.fromkeys(key for action in ACTIONS for key in action.keys))


def command_words(screen: str) -> dict[str, Action]:
    """What the command line understands on a screen."""
    return {word: action for action in actions_of(screen) for word in action.words}


def completed(typed: str, words: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The typed text as far as it is sure, and the words it may become."""
    fitting = tuple(sorted(word for word in words if word.startswith(typed.strip().lower())))
    if not fitting:
        return typed, ()
    sure = fitting[0]
    for word in fitting[1:]:
        while not word.startswith(sure):
            sure = sure[:-1]
    return sure, fitting
