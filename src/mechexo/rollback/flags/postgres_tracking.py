"""The SQL that keeps a history of flags inside their own PostgreSQL database."""

# ruff: noqa: S608 (names are quoted; the others are ours)

from __future__ import annotations

from mechexo.rollback.flags.values import Scalar

HISTORY = "mechexo_flag_history"
TRIGGER = "mechexo_flag_changes"
EMPTYING = "mechexo_flag_emptying"
"""The trigger of TRUNCATE, which takes all rows and tells no row's trigger."""

_WHOLE = frozenset({"smallint", "integer", "bigint"})
_REAL = frozenset({"real", "double precision"})


def quoted(*names: str) -> str:
    """A name for SQL, such as "trading"."flags"."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def read_as(text: str | None, kind: str | None) -> Scalar:
    """A value of the type `kind` from the text that the server writes for it."""
    if text is None:
        return None
    if kind == "boolean":
        return text == "true"
    if kind in _WHOLE:
        return int(text)
    return float(text) if kind in _REAL else text


def text_of(value: Scalar) -> str | None:
    """A value as text that the server reads as the same value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def history_table(history: str) -> str:
    """The statement that makes the history where there is none."""
    return (
        f"CREATE TABLE IF NOT EXISTS {history} ("
        "seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " at timestamptz NOT NULL DEFAULT clock_timestamp(), key text NOT NULL, old text, new text,"
        " how text NOT NULL, actor text NOT NULL DEFAULT"
        " COALESCE(current_setting('mechexo.actor', true), ''), kind text)"
    )


def _function_name(history: str) -> str:
    return f'{history[:-1]}_keep"'


def function_body(table: str, history: str, key: str, value: str) -> str:
    """What the trigger does for each row. It acts for its owner, so that whoever may change a flag
    need not have a right to the history."""
    into = f"INSERT INTO {history} (key, old, new, how, kind) VALUES"
    kind = f"pg_typeof(NEW.{value})::text"
    came = f"{into} (NEW.{key}::text, NULL, NEW.{value}::text, 'insert', {kind});"
    went = (
        f"{into} (OLD.{key}::text, OLD.{value}::text, NULL, 'delete',"
        f" pg_typeof(OLD.{value})::text);"
    )
    return f"""
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO {history} (key, old, how, kind)
      SELECT {key}::text, {value}::text, 'delete', pg_typeof({value})::text FROM {table} ORDER BY 1;
  ELSIF TG_OP = 'INSERT' THEN
    {came}
  ELSIF TG_OP = 'DELETE' THEN
    {went}
  ELSIF OLD.{key}::text IS DISTINCT FROM NEW.{key}::text THEN
    {went}
    {came}
  ELSIF OLD.{value}::text IS DISTINCT FROM NEW.{value}::text THEN
    {into} (NEW.{key}::text, OLD.{value}::text, NEW.{value}::text, 'update', {kind});
  END IF;
  RETURN NULL;
END
"""


def function(table: str, history: str, key: str, value: str) -> str:
    """The statement that makes the trigger's function."""
    body = function_body(table, history, key, value)
    return (
        f"CREATE OR REPLACE FUNCTION {_function_name(history)}() RETURNS trigger LANGUAGE plpgsql"
        f" SECURITY DEFINER SET search_path FROM CURRENT AS $mechexo${body}$mechexo$"
    )


def triggers(table: str, history: str) -> tuple[str, str]:
    """The statements that make the triggers."""
    calls = f"EXECUTE FUNCTION {_function_name(history)}()"
    return (
        f"CREATE TRIGGER {TRIGGER} AFTER INSERT OR UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW {calls}",
        f"CREATE TRIGGER {EMPTYING} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {calls}",
    )
