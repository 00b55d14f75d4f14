"""Reads the text format of Prometheus."""

import re

_LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')


class Metrics:
    def __init__(self, text):
        self.samples = []
        self.types = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ", 3)
                self.types[name] = kind
            elif line and not line.startswith("#"):
                match = _LINE.match(line)
                assert match, f"not in the text format: {line!r}"
                labels = {key: value for key, value in _LABEL.findall(match[2] or "")}
                self.samples.append((match[1], labels, float(match[3])))

    def names(self):
        return {name for name, _, _ in self.samples}

    def value(self, name, **labels):
        """The sum of the samples of a name whose labels include these; 0 when there is none."""
        return sum(v for n, have, v in self.samples if n == name and labels.items() <= have.items())
