"""Faults in the modules of the client engine (`m3core.conference.modules`)."""

from __future__ import annotations

from mutants import Mutant

_FOLDER = "m3core/conference/modules/"
AUTOMOD = _FOLDER + "automod.py"
BALLOTS = _FOLDER + "ballots.py"
BREAKOUT = _FOLDER + "breakout.py"
CHAT = _FOLDER + "chat.py"
COMPARING = _FOLDER + "comparing.py"
CONTROL = _FOLDER + "control.py"
CONVERSATIONS = _FOLDER + "conversations.py"
LEGAL_VOTE = _FOLDER + "legal_vote.py"
MEDIA = _FOLDER + "media.py"
MINUTES = _FOLDER + "minutes.py"
MODERATION = _FOLDER + "moderation.py"
POLLS = _FOLDER + "polls.py"
RECORDING = _FOLDER + "recording.py"
RECORDING_SERVICE = _FOLDER + "recording_service.py"
SHARED_FOLDER = _FOLDER + "shared_folder.py"
TIMER = _FOLDER + "timer.py"
WHITEBOARD = _FOLDER + "whiteboard.py"


def _tests(name: str) -> tuple[str, ...]:
    return (f"tests/core/conference/test_module_{name}.py",)


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "automod: a refused edit stands",
        AUTOMOD,
        "self._lists_before = (before.allow_list, before.playlist)",
        "self._lists_before = (command.allow_list, command.playlist)",
        _tests("automod"),
    ),
    Mutant(
        "automod: our pass_on is done when the stick of another moves",
        AUTOMOD,
        "if before.speaker == self._own().id:",
        "if before.speaker is not None:",
        _tests("automod"),
    ),
    Mutant(
        "automod: a speaker who changed while we were away is not told",
        AUTOMOD,
        "elif before.speaker != running.speaker:",
        "elif before.speaker is None and running.speaker is not None:",
        _tests("automod"),
    ),
    Mutant(
        "automod: an absent history empties ours",
        AUTOMOD,
        "history=before.history if event.history is None else event.history,",
        "history=event.history or (),",
        _tests("automod"),
    ),
    Mutant(
        "legal_vote: counts without our vote make us forget it",
        BALLOTS,
        "own_vote=record.get(own) or vote.own_vote)",
        "own_vote=record.get(own))",
        _tests("legal_vote"),
    ),
    Mutant(
        "legal_vote: one may vote twice",
        BALLOTS,
        "return self.is_running and self.token is not None and self.own_vote is None",
        "return self.is_running and self.token is not None",
        _tests("legal_vote"),
    ),
    Mutant(
        "legal_vote: the oldest vote is dropped although it runs",
        LEGAL_VOTE,
        "oldest = next((one.id for one in self._votes.values() if not one.is_running), next(iter(self._votes)))",
        "oldest = next(iter(self._votes))",
        _tests("legal_vote"),
    ),
    Mutant(
        "legal_vote: a vote that is over can be canceled",
        LEGAL_VOTE,
        "if vote is not None and vote.is_running:\n            self._end(ballots.canceled(vote, event))",
        "if vote is not None:\n            self._end(ballots.canceled(vote, event))",
        _tests("legal_vote"),
    ),
    Mutant(
        "legal_vote: a vote that another moderator started ends our start",
        LEGAL_VOTE,
        "if vote.initiator_id == self._own().id:",
        "if vote.initiator_id:",
        _tests("legal_vote"),
    ),
    Mutant(
        "legal_vote: what we voted is forgotten with the connection",
        LEGAL_VOTE,
        "if known_before is not None and vote.own_vote is None:",
        "if known_before is None and vote.own_vote is None:",
        _tests("legal_vote"),
    ),
    Mutant(
        "breakout: a late `left` takes somebody out of another room",
        BREAKOUT,
        "if gone is None or gone.room_id != event.breakout_room:",
        "if gone is None:",
        _tests("breakout"),
    ),
    Mutant(
        "breakout: one more participant elsewhere than the limit",
        BREAKOUT,
        "_check(len(others) + 1)",
        "_check(len(others))",
        _tests("breakout"),
    ),
    Mutant(
        "breakout: rooms that we left expire all the same",
        BREAKOUT,
        "self._state, self.deadline = BreakoutState(), None",
        "self._state = BreakoutState()",
        _tests("breakout"),
    ),
    Mutant(
        "breakout: closed rooms make us forget in which one we are",
        BREAKOUT,
        "BreakoutState(current=self._state.current, is_closing=True)",
        "BreakoutState(is_closing=True)",
        _tests("breakout"),
    ),
    Mutant(
        "breakout: whoever comes to us is in two rooms",
        BREAKOUT,
        "if gone is not None:\n            self.touch()\n            self._is_gone(gone)",
        "if gone is not None:\n            self.touch()",
        _tests("breakout"),
    ),
    Mutant(
        "chat: a message that was dropped long ago is new",
        CHAT,
        "is_new = message.id not in known.messages and at >= newest",
        "is_new = message.id not in known.messages",
        _tests("chat"),
    ),
    Mutant(
        "chat: the message that was seen last is unread",
        CHAT,
        "at > instant(log.last_seen)",
        "at >= instant(log.last_seen)",
        _tests("chat"),
    ),
    Mutant(
        "chat: the snapshot does not show a mark",
        CHAT,
        "log.touch()\n                log.unread",
        "log.unread",
        _tests("chat"),
    ),
    Mutant(
        "chat: what one says in one room is read in the next",
        CHAT,
        "self._logs = ConversationLogs()  #",
        "pass  #",
        _tests("chat"),
    ),
    Mutant(
        "chat: the echo of a message to oneself is told twice",
        CHAT,
        "if not self._logs.keep(key, message, is_unread=not message.is_own):",
        "if not self._logs.keep(key, message, is_unread=not message.is_own) and not message.is_own:",
        _tests("chat"),
    ),
    Mutant(
        "chat: the count of all messages does not fall when a conversation is cleared",
        CONVERSATIONS,
        "self._count -= len(log.messages)",
        "pass",
        _tests("chat"),
    ),
    Mutant(
        "chat: the count of all messages does not fall when one is dropped",
        CONVERSATIONS,
        "self._count -= 1",
        "pass",
        _tests("chat"),
    ),
    Mutant(
        "chat: the oldest conversation is dropped although it is busy",
        CONVERSATIONS,
        "self._by_key[key] = self._by_key.pop(key)",
        "pass",
        _tests("chat"),
    ),
    Mutant(
        "chat: a cleared conversation has unread messages",
        CONVERSATIONS,
        "log.messages.clear()\n        log.unread = 0",
        "log.messages.clear()",
        _tests("chat"),
    ),
    Mutant(
        "missed events: all that is present was missed",
        COMPARING,
        "tuple(event for event in self.present_events() if event not in before)",
        "self.present_events()",
        (*_tests("whiteboard"), *_tests("recording")),
    ),
    Mutant(
        "control: our hand remains up although hands are disabled",
        CONTROL,
        "self._show_hand(is_up=False)\n\n    def _show_hand",
        "pass\n\n    def _show_hand",
        _tests("control_media"),
    ),
    Mutant(
        "control: no server acknowledges hands",
        CONTROL,
        "self._answers_hands = told_speakers or join.is_room_owner is not None",
        "self._answers_hands = False",
        _tests("control_media"),
    ),
    Mutant(
        "media: whoever has gone still speaks",
        MEDIA,
        "self._state = evolve(self._state, speakers=MappingProxyType(speakers))\n\n",
        "\n",
        _tests("control_media"),
    ),
    Mutant(
        "media: a screen ends with the presenter role of a moderator",
        MEDIA,
        "if not is_presenter and own.role is not Role.MODERATOR and screen is not None:",
        "if not is_presenter and screen is not None:",
        ("tests/core/conference/test_stream_breaks.py",),
    ),
    Mutant(
        "media: a stream is up before offer and answer",
        MEDIA,
        'if not session.negotiation.is_stable:\n            raise StaleNegotiation("the server sent webrtc_up',
        'if session is None:\n            raise StaleNegotiation("the server sent webrtc_up',
        (*_tests("control_media"), "tests/core/conference/test_subscription_breaks.py"),
    ),
    Mutant(
        "media: an error of a candidate after its stream ended is told",
        MEDIA,
        "if event.error in _OF_CANDIDATES and (publications.ended_lately or subscriptions.ended_lately):",
        "if event.error in _OF_CANDIDATES and publications.ended_lately and subscriptions.ended_lately:",
        ("tests/core/conference/test_late_webrtc_down.py",),
    ),
    Mutant(
        "media: an allow list without force mute",
        MEDIA,
        "(is_forced and forced and forced.allow_list) or ()",
        "(forced and forced.allow_list) or ()",
        _tests("control_media"),
    ),
    Mutant(
        "minutes: the URL of the last room",
        MINUTES,
        "self._state = MinutesState(namespace=self._state.namespace)",
        "pass",
        _tests("minutes"),
    ),
    Mutant(
        "minutes: we may write as a reader",
        MINUTES,
        "may_write_minutes=write_url is not None)",
        "may_write_minutes=True)",
        _tests("minutes"),
    ),
    Mutant(
        "minutes: the write URL of another select ends ours",
        MINUTES,
        "lambda command: is_first or own in command.participant_ids",
        "lambda command: True",
        _tests("minutes"),
    ),
    Mutant(
        "moderation: whoever comes back to the waiting room is accepted already",
        MODERATION,
        "waiting=waiting, accepted=before.accepted - {participant_id})",
        "waiting=waiting)",
        _tests("moderation"),
    ),
    Mutant(
        "moderation: a refused acceptance stands",
        MODERATION,
        "accepted=self._state.accepted - {command.target})",
        "accepted=self._state.accepted)",
        _tests("moderation"),
    ),
    Mutant(
        "moderation: the waiting room has room for one more than the limit",
        MODERATION,
        "len(before.waiting) >= MAX_PARTICIPANTS",
        "len(before.waiting) > MAX_PARTICIPANTS",
        _tests("moderation"),
    ),
    Mutant(
        "moderation: our hand is up although hands are disabled",
        MODERATION,
        "if not is_enabled:\n            self._lower_own_hand()",
        "if not is_enabled:\n            pass",
        _tests("moderation"),
    ),
    Mutant(
        "moderation: others than moderators believe that hands are enabled",
        MODERATION,
        "moderation.JoinData(raise_hands_enabled=self._state.raise_hands_enabled)",
        "moderation.JoinData(raise_hands_enabled=True)",
        _tests("moderation"),
    ),
    Mutant(
        "polls: one more past poll than the limit",
        POLLS,
        "if len(self._past) == MAX_PAST_POLLS:",
        "if len(self._past) > MAX_PAST_POLLS:",
        _tests("polls"),
    ),
    Mutant(
        "polls: votes for the last poll count in the next",
        POLLS,
        "running = self._running = _poll(event, event.timestamp)\n        self._begin_votes()",
        "running = self._running = _poll(event, event.timestamp)",
        _tests("polls"),
    ),
    Mutant(
        "polls: `voted_already` refuses the first vote",
        POLLS,
        "suspects = self._votes if self._held is not None else self._votes[1:]",
        "suspects = self._votes",
        _tests("polls"),
    ),
    Mutant(
        "polls: results of another poll end ours",
        POLLS,
        "if self._running is None or self._running.id != event.id:",
        "if self._running is None:",
        _tests("polls"),
    ),
    Mutant(
        "polls: what we voted is forgotten on the way to another room and back",
        POLLS,
        "self._running, self._left = None, self._running or self._left",
        "self._running = None",
        _tests("polls"),
    ),
    Mutant(
        "recording: one of several targets ends the command for all",
        RECORDING,
        "== (target_id,)",
        "[:1] == (target_id,)",
        _tests("recording"),
    ),
    Mutant(
        "recording: a refused start leaves a recorder on its way",
        RECORDING,
        "self._state = evolve(self._state, status=self._status_before)",
        "pass",
        _tests("recording"),
    ),
    Mutant(
        "recording: the end of another recording ends this one",
        RECORDING,
        "if self._state.status is not None and self._state.recording_id in {None, event.recording_id}:",
        "if self._state.status is not None:",
        _tests("recording"),
    ),
    Mutant(
        "recording: a recorder that fails ends what is being recorded",
        RECORDING,
        "if self._state.status is RecordingStatus.INITIALIZING:\n            self._state =",
        "if self._state.status is not None:\n            self._state =",
        _tests("recording"),
    ),
    Mutant(
        "recording: an error without a status is sent",
        RECORDING_SERVICE,
        "if (status is StreamStatus.ERROR) != (code is not None):",
        "if status is StreamStatus.ERROR and code is None:",
        _tests("recording"),
    ),
    Mutant(
        "recording: a running target is started again",
        RECORDING_SERVICE,
        "if stream.auto_connect and stream.status is StreamStatus.INACTIVE",
        "if stream.auto_connect",
        _tests("recording"),
    ),
    Mutant(
        "shared_folder: whoever waits may look into the folder",
        SHARED_FOLDER,
        "def left(self) -> None:\n        self._folder = None",
        "def left(self) -> None:\n        pass",
        _tests("whiteboard"),
    ),
    Mutant(
        "timer: whoever has gone is ready",
        TIMER,
        "for who, is_ready in self._running.ready.items() if who != participant_id}",
        "for who, is_ready in self._running.ready.items()}",
        _tests("timer"),
    ),
    Mutant(
        "timer: the end of another timer ends ours",
        TIMER,
        "if running is not None and running.id == event.timer_id:",
        "if running is not None:",
        _tests("timer"),
    ),
    Mutant(
        "timer: the readiness of somebody else is ours",
        TIMER,
        "own_ready=event.status if is_own else running.own_ready",
        "own_ready=event.status",
        _tests("timer"),
    ),
    Mutant(
        "timer: a timer that we know began while we were away",
        TIMER,
        "before is None or before.id != join.timer.timer_id",
        "True",
        _tests("timer"),
    ),
    Mutant(
        "timer: whoever left is ready in join_success",
        TIMER,
        "if entry.timer is not None and entry.control.left_at is None",
        "if entry.timer is not None",
        _tests("timer"),
    ),
    Mutant(
        "whiteboard: an error hides the board",
        WHITEBOARD,
        "if self._state.url is None:\n            self._state = evolve",
        "if True:\n            self._state = evolve",
        _tests("whiteboard"),
    ),
)
