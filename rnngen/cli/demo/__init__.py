"""``rnngen demo``: the classical experiments, one command each in a module of its own."""

from __future__ import annotations

from rnngen.cli.commands import plain_app, register_command
from rnngen.cli.demo.clipping import clipping_command
from rnngen.cli.demo.gradients import gradients_command
from rnngen.cli.demo.memory import adding_command, brackets_command, copy_command

demo_app = plain_app(help="Repeat a classical experiment with small networks.", no_args_is_help=True)


@demo_app.callback()
def _demo() -> None:
    pass


register_command(demo_app, "gradients", gradients_command)
register_command(demo_app, "clipping", clipping_command)
register_command(demo_app, "brackets", brackets_command)
register_command(demo_app, "copy", copy_command)
register_command(demo_app, "adding", adding_command)
