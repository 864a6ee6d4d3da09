from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RemoteCheckOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOTE_CHECK_OUTCOME_UNSPECIFIED: _ClassVar[RemoteCheckOutcome]
    REMOTE_CHECK_OUTCOME_PASSED: _ClassVar[RemoteCheckOutcome]
    REMOTE_CHECK_OUTCOME_FAILED: _ClassVar[RemoteCheckOutcome]
    REMOTE_CHECK_OUTCOME_NOTED: _ClassVar[RemoteCheckOutcome]
    REMOTE_CHECK_OUTCOME_SKIPPED: _ClassVar[RemoteCheckOutcome]

class RemoteUsability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOTE_USABILITY_UNSPECIFIED: _ClassVar[RemoteUsability]
    REMOTE_USABILITY_USABLE: _ClassVar[RemoteUsability]
    REMOTE_USABILITY_LIMITED: _ClassVar[RemoteUsability]
    REMOTE_USABILITY_UNUSABLE: _ClassVar[RemoteUsability]
REMOTE_CHECK_OUTCOME_UNSPECIFIED: RemoteCheckOutcome
REMOTE_CHECK_OUTCOME_PASSED: RemoteCheckOutcome
REMOTE_CHECK_OUTCOME_FAILED: RemoteCheckOutcome
REMOTE_CHECK_OUTCOME_NOTED: RemoteCheckOutcome
REMOTE_CHECK_OUTCOME_SKIPPED: RemoteCheckOutcome
REMOTE_USABILITY_UNSPECIFIED: RemoteUsability
REMOTE_USABILITY_USABLE: RemoteUsability
REMOTE_USABILITY_LIMITED: RemoteUsability
REMOTE_USABILITY_UNUSABLE: RemoteUsability

class ListRemotesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRemotesResponse(_message.Message):
    __slots__ = ("remotes",)
    REMOTES_FIELD_NUMBER: _ClassVar[int]
    remotes: _containers.RepeatedCompositeFieldContainer[Remote]
    def __init__(self, remotes: _Optional[_Iterable[_Union[Remote, _Mapping]]] = ...) -> None: ...

class Remote(_message.Message):
    __slots__ = ("name", "endpoint", "bucket", "prefix", "region")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    name: str
    endpoint: str
    bucket: str
    prefix: str
    region: str
    def __init__(self, name: _Optional[str] = ..., endpoint: _Optional[str] = ..., bucket: _Optional[str] = ..., prefix: _Optional[str] = ..., region: _Optional[str] = ...) -> None: ...

class CheckRemoteRequest(_message.Message):
    __slots__ = ("remote", "rounds")
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    remote: str
    rounds: int
    def __init__(self, remote: _Optional[str] = ..., rounds: _Optional[int] = ...) -> None: ...

class CheckRemoteResponse(_message.Message):
    __slots__ = ("step", "verdict")
    STEP_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    step: RemoteCheckStep
    verdict: RemoteCheckVerdict
    def __init__(self, step: _Optional[_Union[RemoteCheckStep, _Mapping]] = ..., verdict: _Optional[_Union[RemoteCheckVerdict, _Mapping]] = ...) -> None: ...

class RemoteCheckStep(_message.Message):
    __slots__ = ("name", "outcome", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    outcome: RemoteCheckOutcome
    detail: str
    def __init__(self, name: _Optional[str] = ..., outcome: _Optional[_Union[RemoteCheckOutcome, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class RemoteCheckVerdict(_message.Message):
    __slots__ = ("usability", "summary", "missing_actions", "objects_left")
    USABILITY_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    MISSING_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    usability: RemoteUsability
    summary: str
    missing_actions: _containers.RepeatedScalarFieldContainer[str]
    objects_left: int
    def __init__(self, usability: _Optional[_Union[RemoteUsability, str]] = ..., summary: _Optional[str] = ..., missing_actions: _Optional[_Iterable[str]] = ..., objects_left: _Optional[int] = ...) -> None: ...
