"""What is connected: the least name of each group stands for it, whatever the order in which they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def connected_components(together: Iterable[Sequence[str]]) -> dict[str, str]:
    """The leader of every name's group. together: names that are in one group; groups that share a name are one."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for names in together:
        for name in names:
            a, b = sorted((find(names[0]), find(name)))
            parent[b] = a
    return {name: find(name) for name in parent}
