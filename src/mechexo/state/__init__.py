"""The one SQLite file: opening, transactions, migrations, the audit log."""

from mechexo.state.audit import AuditEntry, AuditVerdict
from mechexo.state.store import State, Transaction

__all__ = ["AuditEntry", "AuditVerdict", "State", "Transaction"]
