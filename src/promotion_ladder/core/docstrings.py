"""What the fields of a model mean, as their docstrings say it: read from the source when somebody asks.

pydantic can do that itself (``use_attribute_docstrings``), but for each class that is defined, in every process: it was
a fifth of the time that a command took to start.
"""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below each field of ``model`` and of what it inherits from; fields without one are left out."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _docs_in(base.__module__).get(base.__name__, {})
    return {name: doc for name, doc in found.items() if name in model.model_fields}


@cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    """The docstrings of the fields of each class at the top of a module; none where its source is not there."""
    try:
        definitions = ast.parse(inspect.getsource(sys.modules[module])).body
    except OSError:
        return {}
    return {one.name: _docs_of(one) for one in definitions if isinstance(one, ast.ClassDef)}


def _docs_of(definition: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, doc in pairwise(definition.body):
        match field, doc:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
