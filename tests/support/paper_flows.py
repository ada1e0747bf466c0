"""The paper desk's flows as modules: they are programs of the desk, no part of mechexo."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from mechexo.paper.build import TEMPLATE


def load(name: str) -> ModuleType:
    """The flow of the template with this name."""
    spec = spec_from_file_location(f"paper_{name}", TEMPLATE / "flows" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


data_pipeline = load("data_pipeline")
ml_inference = load("ml_inference")
reweight = load("reweight")
canary = load("canary")
