"""A test, as text to be copied, that fails as the check in a capsule does."""

import builtins
import json
import re
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

from capstone.gradcheck.capsules.capsule import Capsule
from capstone.gradcheck.capsules.literals import IMPORTS, expression, is_short
from capstone.gradcheck.capsules.recipe import Recipe, recipe_of
from capstone.gradcheck.subjects.functions import Op
from capstone.gradcheck.subjects.layers import put_parameters
from capstone.gradcheck.subjects.load_subject import load_subject
from capstone.gradcheck.subjects.references import Reference, load_thing
from capstone.gradcheck.subjects.stored import Stored

GRADCHECK = "capstone.gradcheck"
OWN = {
    "Op",
    "Names",
    "check",
    "report",
    "layer",
    "capsule",
    "load_capsule",
    "load_thing",
    "put_parameters",
}
JAX_WIDE = "jax.config.update('jax_enable_x64', True)"


def make_test(capsule: Capsule) -> str:
    """A whole file for pytest, which passes once the gradient is right.

    Raises:
        UsageError: the subject is not to be found by a name.
    """
    made, functions = capsule.subject()
    return _Test(capsule, made, functions).text()


@dataclass
class _Test:
    """The file as it grows.

    Args:
        capsule: what it is about.
        made: the subject.
        functions: options of the check that are functions.
    """

    capsule: Capsule
    made: Any
    functions: dict[str, Any]
    libraries: set[str] = field(default_factory=set)
    """Lines that import them."""
    names: dict[str, set[str]] = field(default_factory=lambda: {GRADCHECK: {"check"}})
    """What is imported from where."""
    loads: list[str] = field(default_factory=list)
    """Lines below the imports."""
    body: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=lambda: {*dir(builtins), *OWN, *IMPORTS})

    def text(self) -> str:
        """All of it."""
        self.body += [f"report = check({', '.join(self._words())})", "report.raise_if_wrong()"]
        headline = " ".join(self.capsule.report.partition("\n")[0].split())
        name = re.sub(r"\W+", "_", str(self.capsule.options.get("name", ""))).strip("_").lower()
        named = [f"from {m} import {', '.join(sorted(n))}" for m, n in sorted(self.names.items())]
        heading = f"\n\ndef test_{name or 'it'}_has_the_right_gradient():"
        body = [f"    {line}" for line in self.body]
        parts = [f"# {headline}", *sorted(self.libraries), *named, *self.loads, heading, *body]
        return "\n".join(parts) + "\n"

    def _words(self) -> list[str]:
        """The arguments of the check, once everything that they name has got its line."""
        given = {k: v for k, v in self.capsule.options.items() if k != "name" and v != "auto"}
        options = {key: self._option(key, value) for key, value in given.items()}
        inputs = [self._input(number) for number in range(len(self.capsule.inputs))]
        subject, functions = self._subject(inputs)
        if self.capsule.parameters:
            subject = self._with_parameters(subject)
        if self.capsule.upstream.array is not None:
            options["upstream"] = self._named_array("upstream", self.capsule.upstream, "upstream")
        return [subject, *inputs, *functions, *(f"{key}={value}" for key, value in options.items())]

    def _subject(self, inputs: list[str]) -> tuple[str, list[str]]:
        """An expression for the subject, and the options of the check that come with it."""
        recipe = self.capsule.recipe
        if recipe.form in ("named", "layer"):
            found = recipe_of(self.made, self.functions)
            if not isinstance(self.made, Op) and not self.functions:
                return self._named(recipe.parts["subject"]), []
            if found.form == "given":
                return self._loaded(recipe, inputs)
            recipe = found
        parts = {role: self._import(part) for role, part in recipe.parts.items()}
        if recipe.form != "op":
            return parts.pop("subject"), [f"{role}={name}" for role, name in parts.items()]
        self.names[GRADCHECK].add("Op")
        words = [f"{role}={name}" for role, name in parts.items()]
        words += [f"options={recipe.settings!r}"] if recipe.settings else []
        return f"Op({', '.join(words)})", []

    def _named(self, reference: Reference) -> str:
        """A thing by its name, or what it gives when it is called."""
        is_itself = load_thing("make_test", reference.place()) is self.made
        return self._import(reference) + ("" if is_itself else "()")

    def _loaded(self, recipe: Recipe, inputs: list[str]) -> tuple[str, list[str]]:
        """A pair of functions whose names do not say where they stand, as lambdas."""
        self.names[load_subject.__module__] = {load_subject.__name__}
        words = ["test", recipe.parts["subject"].spec, recipe.backward]
        test, spec, backward = map(json.dumps, words)
        call = f"load_subject({test}, {spec}, [{', '.join(inputs)}], {backward})"
        self.body.append(f"subject, functions = {call}")
        return "subject", ["**functions"]

    def _import(self, reference: Reference) -> str:
        """Have a thing in the test; what it is called there."""
        place, _, name = reference.place().rpartition(":")
        first, dot, rest = name.partition(".")
        alias = self._free(first)
        if place.endswith(".py"):
            self.names[load_thing.__module__] = {"load_thing"}
            where = json.dumps(f"{place}:{first}")
            self.loads.append(f'{alias} = load_thing("test", {where})')
        else:
            renamed = first if alias == first else f"{first} as {alias}"
            self.names.setdefault(place, set()).add(renamed)
        return f"{alias}{dot}{rest}"

    def _free(self, name: str) -> str:
        """A name that stands for nothing yet."""
        while name in self.taken or iskeyword(name) or not name.isidentifier():
            name = f"{name}_" if name.isidentifier() else "thing"
        self.taken.add(name)
        return name

    def _input(self, number: int) -> str:
        """Give an input a name."""
        names = self.capsule.names
        name = names[number] if number < len(names) else f"x{number}"
        return self._named_array(name, self.capsule.inputs[number], f"inputs[{number}]")

    def _named_array(self, name: str, stored: Stored, place: str) -> str:
        name = self._free(name)
        self.body.append(f"{name} = {self._array(stored, place)}")
        return name

    def _with_parameters(self, subject: str) -> str:
        """Give the layer its parameters, and a name."""
        self.names[put_parameters.__module__] = {put_parameters.__name__}
        self.body += [f"layer = {subject}", "parameters = {"]
        for name, array in self.capsule.parameters.items():
            key = json.dumps(name)
            stored = Stored(array, "numpy", str(array.dtype))
            words = self._array(stored, "") if is_short(array) else ""
            words = words or f"{self._capsule()}.parameters[{key}]"
            self.body.append(f"    {key}: {words},")
        names = ", names" if "names" in self.capsule.options else ""
        self.body += ["}", f"put_parameters(layer, parameters{names})"]
        return "layer"

    def _array(self, stored: Stored, place: str) -> str:
        """An expression for an input: its numbers, or where they stand in the capsule."""
        if stored.array is None:
            return repr(stored.plain)
        if not is_short(stored.array):
            return f"{self._capsule()}.{place}.restore()"
        words, line = expression(stored)
        self.libraries.add(line)
        if stored.library == "jax" and stored.array.dtype.itemsize == 8:
            self.libraries.add("import jax")
            self.loads += [JAX_WIDE] if JAX_WIDE not in self.loads else []
        return words

    def _capsule(self) -> str:
        """Have the capsule in the test."""
        self.names[GRADCHECK].add("load_capsule")
        line = f"capsule = load_capsule({json.dumps(str(self.capsule.path))})"
        self.loads += [line] if line not in self.loads else []
        return "capsule"

    def _option(self, key: str, value: Any) -> str:
        if key != "names":
            return repr(value)
        self.names[GRADCHECK].add("Names")
        self.body.append(f"names = {self.capsule.check_options()['names']!r}")
        return "names"
