"""Where in a YAML file something stands, for messages: `FILE:LINE:COL`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import yaml


def duplicates(node: yaml.Node, where: str, seen: frozenset[int] = frozenset()) -> Iterator[str]:
    """A message for each key that a mapping has twice."""
    if id(node) in seen:  # an alias that contains itself
        return
    seen |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        keys: set[Hashable] = set()
        for key, value in node.value:
            if key.value in keys if isinstance(key, yaml.ScalarNode) else False:
                at = place(key, where)
                yield f"{at}: the key {key.value!r} stands here twice; keep one of them"
            if isinstance(key, yaml.ScalarNode):
                keys.add(key.value)
            yield from duplicates(value, where, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from duplicates(item, where, seen)


def place(node: yaml.Node, where: str) -> str:
    """`FILE:LINE:COL` of a node."""
    return f"{where}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def find(root: yaml.Node, path: tuple[Any, ...], *, key: bool = False) -> yaml.Node:
    """The node at a path of keys and indexes, as deep as it exists; its key where asked."""
    node = root
    for i, step in enumerate(path):
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(step)]
            if not pairs:
                break
            last = i == len(path) - 1
            # Of a key that stands twice the second holds, also for who reads the values.
            node = pairs[-1][0] if key and last else pairs[-1][1]
        elif isinstance(node, yaml.SequenceNode) and step in range(len(node.value)):
            node = node.value[step]
        else:
            break
    return node
