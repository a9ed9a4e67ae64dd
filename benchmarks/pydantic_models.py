"""The messages of the benchmark's corpus as pydantic models, written as pydantic's manual advises for speed.

They are strict, have `TypeAdapter`s that are made once, discriminated unions, and no wrapping validators. As in ours,
ids are checked for the shape of a UUID, and ids and timestamps are kept as text.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

Id = Annotated[
    str, StringConstraints(pattern="^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$")
]
Stream = Literal["video", "screen"]


class Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class ControlState(Model):
    display_name: str
    role: Literal["moderator", "user", "guest"]
    participation_kind: Literal["user", "guest", "sip", "recorder"]
    hand_is_up: bool
    avatar_url: str | None = None
    hand_updated_at: str | None = None
    joined_at: str | None = None
    left_at: str | None = None
    is_room_owner: bool | None = None


class StreamState(Model):
    audio: bool
    video: bool


class MediaState(Model):
    is_presenter: bool
    video: StreamState | None = None
    screen: StreamState | None = None


class Entry(Model):
    id: Id
    control: ControlState
    media: MediaState | None = None
    chat: dict[str, Any] | None = None
    protocol: dict[str, Any] | None = None
    recording: dict[str, Any] | None = None
    timer: dict[str, Any] | None = None


class MediaJoinData(Model):
    is_presenter: bool


class JoinSuccess(Model):
    message: Literal["join_success"]
    id: Id
    display_name: str
    role: Literal["moderator", "user", "guest"]
    participants: list[Entry]
    avatar_url: str | None = None
    media: MediaJoinData | None = None
    chat: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None
    recording: dict[str, Any] | None = None


class Joined(Entry):
    message: Literal["joined"]


class Update(Entry):
    message: Literal["update"]


class Left(Model):
    message: Literal["left"]
    id: Id
    reason: Literal["quit", "timeout", "sent_to_waiting_room"] | None = None


class Source(Model):
    source: Id
    media_session_type: Stream


class SdpOffer(Source):
    message: Literal["sdp_offer"]
    sdp: str


class SdpAnswer(Source):
    message: Literal["sdp_answer"]
    sdp: str


class CandidateInit(Model):
    candidate: str
    sdp_mline_index: int = Field(alias="sdpMLineIndex")
    sdp_mid: str | None = Field(default=None, alias="sdpMid")


class SdpCandidate(Source):
    message: Literal["sdp_candidate"]
    candidate: CandidateInit


class SdpEndOfCandidates(Source):
    message: Literal["sdp_end_of_candidates"]


class WebrtcUp(Source):
    message: Literal["webrtc_up"]


class MediaStatus(Source):
    message: Literal["media_status"]
    kind: Literal["audio", "video"]
    receiving: bool


class FocusUpdate(Model):
    message: Literal["focus_update"]
    focus: Id | None = None


class ControlEvent(Model):
    namespace: Literal["control"]
    timestamp: str | None = None
    payload: Annotated[JoinSuccess | Joined | Update | Left, Field(discriminator="message")]


class MediaEvent(Model):
    namespace: Literal["media"]
    timestamp: str | None = None
    payload: Annotated[
        SdpOffer | SdpAnswer | SdpCandidate | SdpEndOfCandidates | WebrtcUp | MediaStatus | FocusUpdate,
        Field(discriminator="message"),
    ]


class RaiseHand(Model):
    action: Literal["raise_hand"]


class Join(Model):
    action: Literal["join"]
    display_name: str | None = None


class Target(Model):
    target: Id
    media_session_type: Stream


class Publish(Target):
    action: Literal["publish"]
    sdp: str


class AnswerSdp(Target):
    action: Literal["sdp_answer"]
    sdp: str


class SendCandidate(Target):
    action: Literal["sdp_candidate"]
    candidate: CandidateInit


class SendEndOfCandidates(Target):
    action: Literal["sdp_end_of_candidates"]


class Subscribe(Target):
    action: Literal["subscribe"]
    without_video: bool = False


class SubscriptionConfiguration(Model):
    video: bool | None = None
    substream: int | None = None


class Configure(Target):
    action: Literal["configure"]
    configuration: SubscriptionConfiguration


class MediaSessionState(Model):
    audio: bool
    video: bool
    video_settings: int | None = None


class PublishComplete(Model):
    action: Literal["publish_complete"]
    media_session_type: Stream
    media_session_state: MediaSessionState


class UpdateMediaSession(Model):
    action: Literal["update_media_session"]
    media_session_type: Stream
    media_session_state: MediaSessionState


class ControlCommand(Model):
    namespace: Literal["control"]
    payload: Annotated[RaiseHand | Join, Field(discriminator="action")]


class MediaCommand(Model):
    namespace: Literal["media"]
    payload: Annotated[
        Publish
        | AnswerSdp
        | SendCandidate
        | SendEndOfCandidates
        | Subscribe
        | Configure
        | PublishComplete
        | UpdateMediaSession,
        Field(discriminator="action"),
    ]


EVENTS: TypeAdapter[ControlEvent | MediaEvent] = TypeAdapter(
    Annotated[ControlEvent | MediaEvent, Field(discriminator="namespace")]
)
COMMANDS: TypeAdapter[ControlCommand | MediaCommand] = TypeAdapter(
    Annotated[ControlCommand | MediaCommand, Field(discriminator="namespace")]
)
