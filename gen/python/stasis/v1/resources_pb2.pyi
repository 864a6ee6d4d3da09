import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BlockHash(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLOCK_HASH_UNSPECIFIED: _ClassVar[BlockHash]
    BLOCK_HASH_SHA256: _ClassVar[BlockHash]
    BLOCK_HASH_BLAKE3: _ClassVar[BlockHash]
BLOCK_HASH_UNSPECIFIED: BlockHash
BLOCK_HASH_SHA256: BlockHash
BLOCK_HASH_BLAKE3: BlockHash

class SnapshotConfig(_message.Message):
    __slots__ = ("id", "name", "description", "image", "image_digest", "image_type", "image_blob_ids", "hypervisor", "cpu", "memory", "storage", "nics", "queue_size", "disk_queue_size", "network", "no_direct_io", "windows", "labels", "extra", "host")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    IMAGE_TYPE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_BLOB_IDS_FIELD_NUMBER: _ClassVar[int]
    HYPERVISOR_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FIELD_NUMBER: _ClassVar[int]
    NICS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_SIZE_FIELD_NUMBER: _ClassVar[int]
    DISK_QUEUE_SIZE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    NO_DIRECT_IO_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    image: str
    image_digest: str
    image_type: str
    image_blob_ids: _containers.RepeatedScalarFieldContainer[str]
    hypervisor: str
    cpu: int
    memory: int
    storage: int
    nics: int
    queue_size: int
    disk_queue_size: int
    network: str
    no_direct_io: bool
    windows: bool
    labels: _containers.ScalarMap[str, str]
    extra: _struct_pb2.Struct
    host: HostFacts
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., image: _Optional[str] = ..., image_digest: _Optional[str] = ..., image_type: _Optional[str] = ..., image_blob_ids: _Optional[_Iterable[str]] = ..., hypervisor: _Optional[str] = ..., cpu: _Optional[int] = ..., memory: _Optional[int] = ..., storage: _Optional[int] = ..., nics: _Optional[int] = ..., queue_size: _Optional[int] = ..., disk_queue_size: _Optional[int] = ..., network: _Optional[str] = ..., no_direct_io: bool = ..., windows: bool = ..., labels: _Optional[_Mapping[str, str]] = ..., extra: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., host: _Optional[_Union[HostFacts, _Mapping]] = ...) -> None: ...

class HostFacts(_message.Message):
    __slots__ = ("cpu_vendor", "cpu_model", "microarchitecture", "kernel", "hypervisor_version")
    CPU_VENDOR_FIELD_NUMBER: _ClassVar[int]
    CPU_MODEL_FIELD_NUMBER: _ClassVar[int]
    MICROARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    HYPERVISOR_VERSION_FIELD_NUMBER: _ClassVar[int]
    cpu_vendor: str
    cpu_model: str
    microarchitecture: str
    kernel: str
    hypervisor_version: str
    def __init__(self, cpu_vendor: _Optional[str] = ..., cpu_model: _Optional[str] = ..., microarchitecture: _Optional[str] = ..., kernel: _Optional[str] = ..., hypervisor_version: _Optional[str] = ...) -> None: ...

class SnapshotFile(_message.Message):
    __slots__ = ("name", "size_bytes", "allocated_bytes", "mode", "digest", "block_hash")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    BLOCK_HASH_FIELD_NUMBER: _ClassVar[int]
    name: str
    size_bytes: int
    allocated_bytes: int
    mode: int
    digest: str
    block_hash: BlockHash
    def __init__(self, name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., allocated_bytes: _Optional[int] = ..., mode: _Optional[int] = ..., digest: _Optional[str] = ..., block_hash: _Optional[_Union[BlockHash, str]] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("config", "created_at", "last_accessed_at", "size_bytes", "allocated_bytes", "data_dir", "digest", "protected", "files", "corrupt", "charged_bytes", "parent_digest", "expire_time")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ACCESSED_AT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_DIR_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    CORRUPT_FIELD_NUMBER: _ClassVar[int]
    CHARGED_BYTES_FIELD_NUMBER: _ClassVar[int]
    PARENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    config: SnapshotConfig
    created_at: _timestamp_pb2.Timestamp
    last_accessed_at: _timestamp_pb2.Timestamp
    size_bytes: int
    allocated_bytes: int
    data_dir: str
    digest: str
    protected: bool
    files: _containers.RepeatedCompositeFieldContainer[SnapshotFile]
    corrupt: bool
    charged_bytes: int
    parent_digest: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, config: _Optional[_Union[SnapshotConfig, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_accessed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., size_bytes: _Optional[int] = ..., allocated_bytes: _Optional[int] = ..., data_dir: _Optional[str] = ..., digest: _Optional[str] = ..., protected: bool = ..., files: _Optional[_Iterable[_Union[SnapshotFile, _Mapping]]] = ..., corrupt: bool = ..., charged_bytes: _Optional[int] = ..., parent_digest: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RemoteSnapshot(_message.Message):
    __slots__ = ("id", "pushed_at", "node_id", "config", "created_at", "digest", "protected", "size_bytes", "data_bytes", "packed_bytes", "expire_time", "parent_digest")
    ID_FIELD_NUMBER: _ClassVar[int]
    PUSHED_AT_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    PACKED_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PARENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    id: str
    pushed_at: _timestamp_pb2.Timestamp
    node_id: str
    config: SnapshotConfig
    created_at: _timestamp_pb2.Timestamp
    digest: str
    protected: bool
    size_bytes: int
    data_bytes: int
    packed_bytes: int
    expire_time: _timestamp_pb2.Timestamp
    parent_digest: str
    def __init__(self, id: _Optional[str] = ..., pushed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., node_id: _Optional[str] = ..., config: _Optional[_Union[SnapshotConfig, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., digest: _Optional[str] = ..., protected: bool = ..., size_bytes: _Optional[int] = ..., data_bytes: _Optional[int] = ..., packed_bytes: _Optional[int] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parent_digest: _Optional[str] = ...) -> None: ...
