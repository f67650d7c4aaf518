"""The reference of the command line, read from the commands themselves: `{command} train`."""

import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


def commands():
    """Every command by name, as click sees it; one of a group bears the group's name first: `class grade`."""
    import typer

    from companion.cli.app import build_app

    found = {}
    for name, command in typer.main.get_command(build_app()).commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {each}": of_group for each, of_group in inner.items()} if inner else {name: command}
    return found


class Command(SphinxDirective):
    """Usage, one sentence, and every argument and option of a command."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        known = commands()
        name = self.arguments[0]
        if name not in known:
            raise self.error(f"command: there is no companion {name}; there are {', '.join(known)}")
        command = known[name]
        context = command.make_context(name, [], resilient_parsing=True)
        usage = " ".join(["companion", name, *command.collect_usage_pieces(context)])
        listed = nodes.definition_list(classes=["command-options"])
        for parameter in command.get_params(context):
            record = parameter.get_help_record(context)
            if record is None and parameter.param_type_name == "argument":
                record = (parameter.make_metavar(context), getattr(parameter, "help", None) or "")
            if record is None or "--help" in record[0]:
                continue
            item = nodes.definition_list_item("", nodes.term("", "", nodes.literal("", record[0])))
            item += nodes.definition("", nodes.paragraph("", "", *_with_options(" ".join(record[1].split()))))
            listed += item
        says = nodes.paragraph("", "", *_with_options(" ".join((command.help or "").split())))
        return [nodes.literal_block(usage, usage, language="text"), says, listed]


def _with_options(text):
    """A sentence with the options in it as code, so that no dash of theirs is made a longer one."""
    parts = re.split(r"(--[a-z][\w-]*)", text)
    return [nodes.literal("", part) if part.startswith("--") else nodes.Text(part) for part in parts if part]


def setup(app):
    app.add_directive("command", Command)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
