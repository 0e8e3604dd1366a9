#!/usr/bin/env python3
"""Follows each key of config/schema*.cc into the field that config/ reads it into, and looks for a user of that.

Usage: config_keys.py ROOT
Prints one line per violation; exit status 1 when there is any.

A key with an effect has a field (`read(node->find("mtu"), to.mtu)` in a config/*.cc), and that field is named by a
shipped file outside of config/ which includes the header with its struct, directly or through others.
"""

import re
import sys

import layers
import rooms
import tree

KEY = re.compile(r'\{\.document = (\w+), \.path = "([^"]+)", \.type = Type::(\w+)')
NO_VALUE = {"kTable", "kTables", "kSchemaNumber"}
READER = re.compile(r"^(?:static )?(?:void|bool) read\w*\((?:const Node ?[*&] ?)\w+, (\w+)& (\w+)\) \{\n(.*?)^\}",
                    re.MULTILINE | re.DOTALL)
READ = re.compile(r'\bread\w*\(\s*\w+(?:\.|->)(?:find|at)\("([^"]+)"\),\s*(\w+)\.(\w+)(\.emplace_back\(\))?\)')
# The rest of a table, which only one kind of tunnel has: read(node, to.tunnel.emplace<WireguardTunnel>()).
READ_REST = re.compile(r"\bread\(\w+, (\w+)\.\w+\.emplace<(\w+)>\(\)\)")
# Keys of the same table in a struct of their own: read(node, to.limits).
READ_PART = re.compile(r"\bread\(\w+, (\w+)\.(\w+)\);")
STRUCT = re.compile(r"^struct (\w+)[^{;]*\{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^\s+([\w:]+(?:<.*>)?) (\w+)(?:\s*=[^;]*|\{[^;]*)?;", re.MULTILINE)
# A word that the operator has to say, and that has no effect: a check of config/ reads it from the document.
CONSENTS = {"bgp.allow_network_admin"}
DOCUMENTS = {"kAppliance": "Appliance", "kCustomer": "Customer"}


def structs(root):
    """Struct -> (its header, field -> type), of config/*.h."""
    found = {}
    for path in tree.files(root, [".h"]):
        if path.startswith("config/"):
            for name, body in STRUCT.findall(tree.read(root, path)):
                found[name] = (path, {field: kind for kind, field in FIELD.findall(body)})
    return found


def readers(root):
    """Struct -> (path in the document, field, whether the field is a list of which this is one) of each read() call
    that fills it; the path is "" and the field a struct where that struct has the rest of the table."""
    found = {}
    for path in tree.files(root, [".cc"]):
        if path.startswith("config/"):
            for struct, name, body in READER.findall(tree.read(root, path)):
                calls = found.setdefault(struct, [])
                calls.extend((key, field, bool(one)) for key, to, field, one in READ.findall(body) if to == name)
                calls.extend(("", rest, False) for to, rest in READ_REST.findall(body) if to == name)
                calls.extend(("", "." + part, False) for to, part in READ_PART.findall(body) if to == name)
    return found


def fields_of(struct, prefix, known, reading):
    """Path in the schema -> (struct, field), below `struct`."""
    for key, field, is_one in reading.get(struct, []):
        if field.startswith("."):
            field = known[struct][1].get(field[1:], "") if struct in known else ""
        if not key:
            yield from fields_of(field, prefix, known, reading)
            continue
        path = prefix + key
        yield path, (struct, field)
        kind = known[struct][1].get(field, "") if struct in known else ""
        for inner in re.findall(r"\w+", kind):
            if inner in reading and inner != struct:
                is_list = "vector" in kind and not is_one
                yield from fields_of(inner, path + ("[]." if is_list else "."), known, reading)


def users(root, graph, known):
    """Struct -> the text of all shipped files outside of config/ that know it."""
    texts = {}
    for path in graph:
        room = rooms.room_of(path)
        if room in (None, "config") or room in rooms.OPEN_ROOMS:
            continue
        reached = layers.reach(graph, path)
        for struct, (header, _) in known.items():
            if header in reached:
                texts.setdefault(struct, []).append(layers_text(root, path))
    return {struct: "\n".join(parts) for struct, parts in texts.items()}


def layers_text(root, path):
    return re.sub(r"//[^\n]*", "", tree.read(root, path))


def violations(root):
    known, reading = structs(root), readers(root)
    using = users(root, layers.includes(root), known)
    fields = {document: dict(fields_of(struct, "", known, reading)) for document, struct in DOCUMENTS.items()}
    for file in tree.files(root, [".cc"]):
        if not file.startswith("config/schema"):
            continue
        for document, path, kind in KEY.findall(tree.read(root, file)):
            if kind in NO_VALUE or path in CONSENTS:
                continue
            if path not in fields.get(document, {}):
                yield f"{file}: {path}: no read() of config/*.cc puts it into a field"
                continue
            struct, field = fields[document][path]
            if not re.search(rf"(?:\.|->){field}\b", using.get(struct, "")):
                yield f"{file}: {path}: read into {struct}::{field}, which nothing outside of config/ uses"


def main(arguments):
    found = list(violations(arguments[1]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
