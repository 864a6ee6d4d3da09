import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stasis.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TransferDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSFER_DIRECTION_UNSPECIFIED: _ClassVar[TransferDirection]
    TRANSFER_DIRECTION_PULL: _ClassVar[TransferDirection]
    TRANSFER_DIRECTION_PUSH: _ClassVar[TransferDirection]

class BlockEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLOCK_ENCODING_UNSPECIFIED: _ClassVar[BlockEncoding]
    BLOCK_ENCODING_RAW: _ClassVar[BlockEncoding]
    BLOCK_ENCODING_PAGES: _ClassVar[BlockEncoding]
    BLOCK_ENCODING_XOR_DEFLATE: _ClassVar[BlockEncoding]
    BLOCK_ENCODING_NONZERO_PAGES: _ClassVar[BlockEncoding]
TRANSFER_DIRECTION_UNSPECIFIED: TransferDirection
TRANSFER_DIRECTION_PULL: TransferDirection
TRANSFER_DIRECTION_PUSH: TransferDirection
BLOCK_ENCODING_UNSPECIFIED: BlockEncoding
BLOCK_ENCODING_RAW: BlockEncoding
BLOCK_ENCODING_PAGES: BlockEncoding
BLOCK_ENCODING_XOR_DEFLATE: BlockEncoding
BLOCK_ENCODING_NONZERO_PAGES: BlockEncoding

class PullRequest(_message.Message):
    __slots__ = ("source", "ref", "name", "request_id", "limit_bytes_per_second", "repair", "keep_expire_time", "remote", "protect", "unnamed")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    REPAIR_FIELD_NUMBER: _ClassVar[int]
    KEEP_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    PROTECT_FIELD_NUMBER: _ClassVar[int]
    UNNAMED_FIELD_NUMBER: _ClassVar[int]
    source: str
    ref: str
    name: str
    request_id: str
    limit_bytes_per_second: int
    repair: bool
    keep_expire_time: bool
    remote: str
    protect: bool
    unnamed: bool
    def __init__(self, source: _Optional[str] = ..., ref: _Optional[str] = ..., name: _Optional[str] = ..., request_id: _Optional[str] = ..., limit_bytes_per_second: _Optional[int] = ..., repair: bool = ..., keep_expire_time: bool = ..., remote: _Optional[str] = ..., protect: bool = ..., unnamed: bool = ...) -> None: ...

class PullResponse(_message.Message):
    __slots__ = ("progress", "snapshot")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    progress: TransferProgress
    snapshot: _resources_pb2.Snapshot
    def __init__(self, progress: _Optional[_Union[TransferProgress, _Mapping]] = ..., snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class PushRequest(_message.Message):
    __slots__ = ("target", "ref", "name", "request_id", "limit_bytes_per_second", "source", "keep_expire_time", "remote")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    KEEP_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    target: str
    ref: str
    name: str
    request_id: str
    limit_bytes_per_second: int
    source: str
    keep_expire_time: bool
    remote: str
    def __init__(self, target: _Optional[str] = ..., ref: _Optional[str] = ..., name: _Optional[str] = ..., request_id: _Optional[str] = ..., limit_bytes_per_second: _Optional[int] = ..., source: _Optional[str] = ..., keep_expire_time: bool = ..., remote: _Optional[str] = ...) -> None: ...

class PushResponse(_message.Message):
    __slots__ = ("progress", "snapshot", "remote_snapshot")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    REMOTE_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    progress: TransferProgress
    snapshot: _resources_pb2.Snapshot
    remote_snapshot: _resources_pb2.RemoteSnapshot
    def __init__(self, progress: _Optional[_Union[TransferProgress, _Mapping]] = ..., snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ..., remote_snapshot: _Optional[_Union[_resources_pb2.RemoteSnapshot, _Mapping]] = ...) -> None: ...

class TransferProgress(_message.Message):
    __slots__ = ("total_bytes", "done_bytes", "changed_bytes", "sent_bytes")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    done_bytes: int
    changed_bytes: int
    sent_bytes: int
    def __init__(self, total_bytes: _Optional[int] = ..., done_bytes: _Optional[int] = ..., changed_bytes: _Optional[int] = ..., sent_bytes: _Optional[int] = ...) -> None: ...

class ListTransfersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTransfersResponse(_message.Message):
    __slots__ = ("transfers",)
    TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    transfers: _containers.RepeatedCompositeFieldContainer[Transfer]
    def __init__(self, transfers: _Optional[_Iterable[_Union[Transfer, _Mapping]]] = ...) -> None: ...

class Transfer(_message.Message):
    __slots__ = ("digest", "source", "ref", "active", "progress", "started_at", "id", "direction")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    digest: str
    source: str
    ref: str
    active: bool
    progress: TransferProgress
    started_at: _timestamp_pb2.Timestamp
    id: str
    direction: TransferDirection
    def __init__(self, digest: _Optional[str] = ..., source: _Optional[str] = ..., ref: _Optional[str] = ..., active: bool = ..., progress: _Optional[_Union[TransferProgress, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., id: _Optional[str] = ..., direction: _Optional[_Union[TransferDirection, str]] = ...) -> None: ...

class CancelTransferRequest(_message.Message):
    __slots__ = ("digest", "id")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    digest: str
    id: str
    def __init__(self, digest: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class CancelTransferResponse(_message.Message):
    __slots__ = ("found",)
    FOUND_FIELD_NUMBER: _ClassVar[int]
    found: bool
    def __init__(self, found: bool = ...) -> None: ...

class GetManifestRequest(_message.Message):
    __slots__ = ("ref", "base_digests", "snapshot_only", "digest", "accept_table_versions", "tables_by_range")
    REF_FIELD_NUMBER: _ClassVar[int]
    BASE_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ONLY_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TABLE_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    TABLES_BY_RANGE_FIELD_NUMBER: _ClassVar[int]
    ref: str
    base_digests: _containers.RepeatedScalarFieldContainer[str]
    snapshot_only: bool
    digest: str
    accept_table_versions: _containers.RepeatedScalarFieldContainer[int]
    tables_by_range: bool
    def __init__(self, ref: _Optional[str] = ..., base_digests: _Optional[_Iterable[str]] = ..., snapshot_only: bool = ..., digest: _Optional[str] = ..., accept_table_versions: _Optional[_Iterable[int]] = ..., tables_by_range: bool = ...) -> None: ...

class GetManifestResponse(_message.Message):
    __slots__ = ("snapshot", "blocks", "table", "base_digest")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    BASE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    blocks: FileBlocks
    table: TableSummary
    base_digest: str
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ..., blocks: _Optional[_Union[FileBlocks, _Mapping]] = ..., table: _Optional[_Union[TableSummary, _Mapping]] = ..., base_digest: _Optional[str] = ...) -> None: ...

class FileBlocks(_message.Message):
    __slots__ = ("file", "table", "last")
    FILE_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    file: str
    table: bytes
    last: bool
    def __init__(self, file: _Optional[str] = ..., table: _Optional[bytes] = ..., last: bool = ...) -> None: ...

class TableSummary(_message.Message):
    __slots__ = ("file", "length")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    file: str
    length: int
    def __init__(self, file: _Optional[str] = ..., length: _Optional[int] = ...) -> None: ...

class ReadTableRequest(_message.Message):
    __slots__ = ("snapshot_id", "file", "offset", "length")
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    snapshot_id: str
    file: str
    offset: int
    length: int
    def __init__(self, snapshot_id: _Optional[str] = ..., file: _Optional[str] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class ReadTableResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ReadBlocksRequest(_message.Message):
    __slots__ = ("snapshot_id", "file", "ranges", "base_digest", "accepts_nonzero_pages", "accept_encodings", "accepts_page_bitmap")
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    BASE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_NONZERO_PAGES_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_PAGE_BITMAP_FIELD_NUMBER: _ClassVar[int]
    snapshot_id: str
    file: str
    ranges: _containers.RepeatedCompositeFieldContainer[BlockRange]
    base_digest: str
    accepts_nonzero_pages: bool
    accept_encodings: _containers.RepeatedScalarFieldContainer[BlockEncoding]
    accepts_page_bitmap: bool
    def __init__(self, snapshot_id: _Optional[str] = ..., file: _Optional[str] = ..., ranges: _Optional[_Iterable[_Union[BlockRange, _Mapping]]] = ..., base_digest: _Optional[str] = ..., accepts_nonzero_pages: bool = ..., accept_encodings: _Optional[_Iterable[_Union[BlockEncoding, str]]] = ..., accepts_page_bitmap: bool = ...) -> None: ...

class BlockRange(_message.Message):
    __slots__ = ("first", "count")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    first: int
    count: int
    def __init__(self, first: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class ReadBlocksResponse(_message.Message):
    __slots__ = ("index", "data", "encoding", "changed_pages", "page_bitmap", "page_bytes")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    CHANGED_PAGES_FIELD_NUMBER: _ClassVar[int]
    PAGE_BITMAP_FIELD_NUMBER: _ClassVar[int]
    PAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    index: int
    data: bytes
    encoding: BlockEncoding
    changed_pages: int
    page_bitmap: bytes
    page_bytes: int
    def __init__(self, index: _Optional[int] = ..., data: _Optional[bytes] = ..., encoding: _Optional[_Union[BlockEncoding, str]] = ..., changed_pages: _Optional[int] = ..., page_bitmap: _Optional[bytes] = ..., page_bytes: _Optional[int] = ...) -> None: ...
