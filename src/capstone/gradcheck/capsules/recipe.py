"""How to have the subject of a check again in another process: by the places of its parts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from capstone._typing import Array
from capstone.gradcheck.subjects.functions import Op
from capstone.gradcheck.subjects.layers import put_parameters
from capstone.gradcheck.subjects.load_subject import load_subject
from capstone.gradcheck.subjects.make_subject import function_of_apply
from capstone.gradcheck.subjects.references import Reference, load_thing, refer_to
from capstone.gradcheck.usage import refuse

FORMS = {
    "named": ["subject"],
    "op": ["forward", "backward"],
    "thing": ["subject"],
    "layer": ["subject"],
    "given": [],
}
"""The parts that each form needs."""
FUNCTIONS = ("backward", "gradient")  # options of `check`
PARTS = ("forward", "backward", "backward_of_backward")  # of an Op


@dataclass(frozen=True)
class Recipe:
    """What a subject is made from.

    Args:
        form: "named", for `load_subject`; "op"; "thing", which is the subject itself; "layer", an
            instance of a class; "given", for what only the caller has.
        parts: where its parts stand, by their role.
        settings: options of an `Op` that are plain values.
        backward: for "named": the name of the backward function.
    """

    form: str
    parts: dict[str, Reference] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    backward: str = ""

    def make(
        self, function: str, inputs: Sequence[Any], parameters: Mapping[str, Array], names: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The subject, and the options of `check` that are functions.

        Args:
            function: who asks, for the message of a failure.
            inputs: of the forward pass.
            parameters: of a layer, to be put into it.
            names: what the parts of the layer are called.

        Raises:
            UsageError: a part that is not there any more, or only the caller has the subject.
        """
        if self.form == "given":
            rule = "the subject must be given, as it stands in no module by a name"
            refuse(rule, expected="the subject", got="nothing", function=function)
        if self.form in ("named", "layer"):
            place = self.parts["subject"].place()
            subject, options = load_subject(function, place, inputs, self.backward)
        else:
            options = {r: load_thing(function, part.place()) for r, part in self.parts.items()}
            subject = options.pop("subject", None)
        if self.form == "op":
            subject, options = Op(**options, options=dict(self.settings)), {}
        if parameters:
            put_parameters(subject, parameters, names)
        return subject, options

    def to_dict(self) -> dict[str, Any]:
        """As what JSON knows."""
        return asdict(self) | {"parts": {k: part._asdict() for k, part in self.parts.items()}}


def named(spec: str, backward: str = "") -> Recipe:
    """Of what `load_subject` finds under a name."""
    return Recipe("named", {"subject": Reference(spec)}, backward=backward)


def recipe_of(subject: Any, options: Mapping[str, Any]) -> Recipe:
    """How to have this subject again.

    Args:
        subject: whatever `check` takes.
        options: those of `check`.
    """
    subject = function_of_apply(subject)
    roles = {key: options[key] for key in FUNCTIONS if callable(options.get(key))}
    if isinstance(subject, Op):
        roles = {role: getattr(subject, role) for role in PARTS}
        form, roles = "op", {role: part for role, part in roles.items() if part is not None}
    elif refer_to(subject) is None and is_layer(subject, options):
        form, roles = "layer", {"subject": type(subject)}
    else:
        form, roles = "thing", {"subject": subject, **roles}
    found = {role: refer_to(part) for role, part in roles.items()}
    parts = {role: part for role, part in found.items() if part is not None}
    settings = dict(subject.options) if form == "op" else {}
    is_whole = len(parts) == len(roles) and is_plain(settings)
    return Recipe(form, parts, settings) if is_whole else Recipe("given")


def is_layer(subject: Any, options: Mapping[str, Any]) -> bool:
    """An object that may have parameters, rather than a function or a class."""
    is_object = not isinstance(subject, type | Op) and "backward" not in options
    is_named = options.get("names") is not None or hasattr(subject, "forward")
    return is_object and is_named and not hasattr(subject, "__qualname__")


def is_plain(thing: Any) -> bool:
    """Can JSON hold it?"""
    try:
        return bool(json.loads(json.dumps(thing)) == thing)
    except (TypeError, ValueError):
        return False


def recipe_from(plain: Mapping[str, Any]) -> Recipe:
    """What `to_dict` gave; raises KeyError, TypeError or ValueError for anything else."""
    parts = {str(role): Reference(**part) for role, part in plain["parts"].items()}
    missing = set(FORMS[plain["form"]]) - set(parts)
    if missing:
        raise ValueError(f"no place of {', '.join(sorted(missing))}")
    return Recipe(plain["form"], parts, dict(plain["settings"]), str(plain["backward"]))
