"""Faults in the command `m3` (`m3asyncio.cli`): exit codes, output, arguments, and what its modules do."""

from __future__ import annotations

from mutants import Mutant

CLI = "m3asyncio/cli"
_ARGUMENTS = ("tests/cli/test_cli_arguments.py",)
_CATALOGUE = ("tests/cli/test_catalogue.py",)
_FAILS = ("tests/cli/test_cli_demo_fails.py",)
_INTERRUPT = ("tests/cli/test_cli_interrupt.py",)
_JSONL = ("tests/cli/test_jsonl.py",)
_OUTPUT = ("tests/cli/test_cli_output.py",)
_OWN = ("tests/cli/test_own_streams.py",)
_RECEIVING = ("tests/cli/test_receiving.py",)
_SCRIPTING = ("tests/cli/test_scripting.py",)
_TROUBLE = ("tests/cli/test_cli_trouble.py",)
_TYPED = ("tests/cli/test_typed_lines.py",)
_WORDING = ("tests/cli/test_wording.py",)

MUTANTS: tuple[Mutant, ...] = (
    # exit codes
    Mutant(
        "cli: a signal in the conference is a failure",
        f"{CLI}/main.py",
        "return OK if options.begun else INTERRUPTED",
        "return INTERRUPTED",
        ("tests/cli/test_cli_interrupt.py::test_an_event_loop_without_signal_handlers_is_enough",),
    ),
    Mutant(
        "cli: a missing extra is a failure, not wrong usage",
        f"{CLI}/main.py",
        'return _fail(f"m3 {options.command}: {line}", USAGE)',
        'return _fail(f"m3 {options.command}: {line}", FAILED)',
        ("tests/cli/test_cli_arguments.py::test_a_missing_extra_is_one_line_that_names_it",),
    ),
    Mutant(
        "cli: a reader of the output that has ended is success",
        f"{CLI}/main.py",
        "        code = FAILED\n",
        "        code = OK\n",
        _OUTPUT,
    ),
    Mutant(
        "cli: stdout is left as it is when its reader has ended",
        f"{CLI}/main.py",
        "os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())",
        "pass",
        _OUTPUT,
    ),
    Mutant(
        "cli: signal handlers are not put back",
        f"{CLI}/main.py",
        "            signal.signal(number, handler)\n",
        "            pass\n",
        ("tests/cli/test_cli_interrupt.py::test_the_signal_handlers_of_the_process_are_put_back",),
    ),
    Mutant(
        "cli: a signal while the command is loaded is success",
        "m3asyncio/__main__.py",
        "INTERRUPTED = 130",
        "INTERRUPTED = 0",
        ("tests/cli/test_cli_interrupt.py::test_a_signal_while_the_command_is_still_being_loaded",),
    ),
    Mutant(
        "cli: a program that nohup started ends with its terminal",
        f"{CLI}/signals.py",
        " and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN",
        "",
        ("tests/cli/test_cli_interrupt.py::test_a_program_that_nohup_starts_ignores_the_end_of_its_terminal",),
    ),
    Mutant(
        "cli: the demo always succeeds",
        f"{CLI}/demo.py",
        "return 0 if stage.ok else 1",
        "return 0",
        ("tests/cli/test_cli_demo_fails.py::test_a_stream_without_pictures",),
    ),
    Mutant(
        "cli: one check that held is enough for the demo",
        f"{CLI}/demo_stage.py",
        "all(check.ok for check in self.checks)",
        "any(check.ok for check in self.checks)",
        ("tests/cli/test_cli_demo_fails.py::test_a_stream_without_pictures",),
    ),
    Mutant(
        "cli: the demo does not notice pictures of another sender",
        f"{CLI}/demo_streams.py",
        "self.foreign += 1",
        "self.foreign += 0",
        ("tests/cli/test_demo_streams.py",),
    ),
    Mutant(
        "cli: the demo counts pictures from before it watched",
        f"{CLI}/demo_script.py",
        "stream.received.video_frames - count, math",
        "stream.received.video_frames, math",
        ("tests/cli/test_cli_demo_fails.py::test_a_stream_that_stops",),
    ),
    Mutant(
        "cli: --strict without a command that failed",
        f"{CLI}/join.py",
        "return 1 if options.strict and visit.failed else 0",
        "return 1 if options.strict else 0",
        ("tests/cli/test_scripting.py::test_a_moderator_in_lines",),
    ),
    Mutant(
        "cli: commands that failed are not counted",
        f"{CLI}/bot.py",
        "self.failed += 1",
        "self.failed += 0",
        ("tests/cli/test_scripting.py::test_wrong_lines_are_answered_and_the_bot_goes_on",),
    ),
    # output
    Mutant(
        "cli: NO_COLOR is ignored",
        f"{CLI}/output.py",
        "soft_wrap=True, emoji=False)",
        "soft_wrap=True, emoji=False, no_color=False)",
        _OUTPUT,
    ),
    Mutant(
        "cli: pipes get colours",
        f"{CLI}/output.py",
        "soft_wrap=True, emoji=False)",
        "soft_wrap=True, emoji=False, force_terminal=True)",
        _OUTPUT,
    ),
    Mutant(
        "cli: text is mixed with JSON lines",
        f"{CLI}/output.py",
        "stream = sys.stderr if json else sys.stdout",
        "stream = sys.stdout",
        ("tests/cli/test_scripting.py::test_without_events_only_ends_of_commands_are_on_stdout",),
    ),
    Mutant(
        "cli: JSON lines wait in a buffer",
        f"{CLI}/output.py",
        "print(json.dumps(value, ensure_ascii=False), flush=True)",
        "print(json.dumps(value, ensure_ascii=False))",
        _OUTPUT,
    ),
    Mutant(
        "cli: a letter that stdout cannot encode ends the command",
        f"{CLI}/output.py",
        "except UnicodeEncodeError:",
        "except KeyError:",
        _OUTPUT,
    ),
    Mutant(
        "cli: control characters reach the terminal",
        f"{CLI}/output.py",
        'else "\\ufffd" for letter in text',
        "else letter for letter in text",
        _OUTPUT,
    ),
    Mutant(
        "cli: fields that are hidden in a repr are printed",
        f"{CLI}/jsonl.py",
        "yield attribute.name, MASK",
        "yield attribute.name, plain(one)",
        _JSONL,
    ),
    Mutant(
        "cli: secrets are printed",
        f"{CLI}/jsonl.py",
        "            return MASK\n",
        "            return value.reveal()\n",
        _JSONL,
    ),
    Mutant(
        "cli: JSON lines are printed without --events",
        f"{CLI}/event_printer.py",
        "if self._as_json:",
        "if True:",
        ("tests/cli/test_scripting.py::test_without_events_only_ends_of_commands_are_on_stdout",),
    ),
    Mutant(
        "cli: a stream that cannot be received is not mentioned",
        f"{CLI}/receiver.py",
        "self.troubles.append(",
        "str(",
        _RECEIVING,
    ),
    Mutant(
        "cli: a picture is written for every frame",
        f"{CLI}/receiver.py",
        "and frame.time >= next_picture",
        "",
        _RECEIVING,
    ),
    Mutant(
        "cli: bars of polls are of the greatest choice",
        f"{CLI}/wording.py",
        "total = max(1, sum(choice.count or 0 for choice in choices))",
        "total = max(1, max(choice.count or 0 for choice in choices))",
        _WORDING,
    ),
    # arguments
    Mutant(
        "cli: no seconds are seconds",
        f"{CLI}/options.py",
        "if 0 < float(text) <= MAX_SECONDS:",
        "if 0 <= float(text) <= MAX_SECONDS:",
        ("tests/cli/test_cli_arguments.py::test_wrong_arguments",),
    ),
    Mutant(
        "cli: the greatest port is refused",
        f"{CLI}/options.py",
        "if least <= int(text) <= most:",
        "if least <= int(text) < most:",
        ("tests/cli/test_cli_arguments.py::test_the_greatest_and_the_smallest_arguments",),
    ),
    Mutant(
        "cli: --account without a token",
        f"{CLI}/options.py",
        "if options.token is None:",
        "if options.token == '-':",
        ("tests/cli/test_cli_arguments.py::test_wrong_arguments",),
    ),
    Mutant(
        "cli: only the first module of an extra is looked for",
        f"{CLI}/extras.py",
        "for module in MODULES[extra]:",
        "for module in MODULES[extra][:1]:",
        ("tests/cli/test_cli_arguments.py::test_a_missing_loop_is_one_line_that_names_it",),
    ),
    Mutant(
        "cli: --loop is ignored",
        f"{CLI}/adapters.py",
        '    if loop == "trio":\n',
        '    if loop == "tri":\n',
        ("tests/cli/test_cli_arguments.py::test_trio_uses_no_adapter_of_asyncio",),
    ),
    Mutant(
        "cli: true is a number",
        f"{CLI}/from_json.py",
        " or (isinstance(given, bool) and hint is not bool)",
        "",
        _CATALOGUE,
    ),
    Mutant(
        "cli: arguments that a command does not have are dropped",
        f"{CLI}/catalogue.py",
        "            if name not in self.parameters:\n                exist",
        '            if name == "-":\n                exist',
        _CATALOGUE,
    ),
    Mutant(
        "cli: the first of two breakout rooms of a name is taken",
        f"{CLI}/breakout_names.py",
        "if len(found) == 1:",
        "if found:",
        _TYPED,
    ),
    # what the commands do
    Mutant(
        "cli: background takes any value",
        f"{CLI}/bot.py",
        "if not isinstance(in_background, bool):",
        "if in_background is None:",
        ("tests/cli/test_scripting.py::test_wrong_lines_are_answered_and_the_bot_goes_on",),
    ),
    Mutant(
        "cli: wait takes any event of the class",
        f"{CLI}/script.py",
        "_at(event, path) == value for",
        "True or _at(event, path) == value for",
        ("tests/cli/test_event_queue.py",),
    ),
    Mutant(
        "cli: --stay leaves",
        f"{CLI}/line_input.py",
        "if not stay:",
        "if stay or not stay:",
        ("tests/cli/test_scripting.py::test_with_stay_the_bot_does_not_leave_when_the_lines_end",),
    ),
    Mutant(
        "cli: a line of any length is kept",
        f"{CLI}/line_reader.py",
        "part[: MAX_LINE - len(self._rest)]",
        "part",
        ("tests/cli/test_line_reader.py",),
    ),
    Mutant(
        "cli: a stream that was ended can be ended again",
        f"{CLI}/publishing.py",
        "            del self._publications[kind]\n",
        "",
        _OWN,
    ),
    Mutant(
        "cli: a command does not wait for a stream that is being published",
        f"{CLI}/publishing.py",
        "        async with self._turns[kind]:\n            publication",
        "        async with nullcontext():\n            publication",
        _OWN,
    ),
    Mutant(
        "cli: guests are shown the commands of moderators",
        f"{CLI}/typed_lines.py",
        "if is_moderator or not slash.for_moderators:",
        "if is_moderator or slash:",
        _TYPED,
    ),
    Mutant(
        "cli: errors of serve advise options of join",
        f"{CLI}/trouble.py",
        "    if joining:\n",
        "    if error:\n",
        _TROUBLE,
    ),
    Mutant(
        "cli: serve accepts plain HTTP for guests of other machines",
        f"{CLI}/serve.py",
        "if not is_local(server.base_url) and not",
        "if is_local(server.base_url) and not",
        ("tests/cli/test_serve_join.py::test_plain_http_is_only_for_this_machine",),
    ),
    Mutant(
        "cli: the printed command lacks --allow-private",
        f"{CLI}/serve.py",
        "if _needs_allow_private(link, controller if account else None):",
        "if _needs_allow_private(link, None):",
        ("tests/cli/test_printed_commands.py::test_the_line_has_the_options_that_the_link_needs",),
    ),
    Mutant(
        "cli: errors in another loop are lost",
        f"{CLI}/demo_loop.py",
        "            self._error = error\n",
        "            del error\n",
        ("tests/cli/test_demo_loop.py",),
    ),
)
