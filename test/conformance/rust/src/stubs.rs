//! Calls the methods of the generated clients by name, with requests and answers as protobuf bytes.
use prost::Message;
use stasis_client::v1::{
    create_request, export_response, gc_service_client::GcServiceClient, import_request,
    read_file_response, remote_service_client::RemoteServiceClient,
    replication_service_client::ReplicationServiceClient, restore_response,
    snapshot_service_client::SnapshotServiceClient, system_service_client::SystemServiceClient, *,
};
use std::pin::Pin;
use tokio::sync::mpsc::Receiver;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Status, Streaming, metadata::MetadataMap, transport::Channel};

/// A frame of an upload or a download.
pub enum Frame {
    Chunk(Vec<u8>),
    /// A chunk that contains its offset.
    Placed(Vec<u8>, i64),
    Message(Vec<u8>),
}

pub type Answers = Pin<Box<dyn Stream<Item = Result<Frame, Status>> + Send>>;

/// The headers of a call, including its deadline.
pub type Headers = MetadataMap;

fn request<T>(message: T, headers: Headers) -> Request<T> {
    let mut request = Request::new(message);
    *request.metadata_mut() = headers;
    request
}

fn parse<T: Message + Default>(bytes: &[u8]) -> T {
    T::decode(bytes).expect("the bytes were made for this message")
}

macro_rules! unary {
    ($name:expr, $channel:expr, $bytes:expr, $headers:expr; $($path:literal => $client:ident.$method:ident),* $(,)?) => {
        match $name {
            $($path => {
                let answer = $client::new($channel).$method(request(parse(&$bytes), $headers)).await?;
                Ok(answer.into_inner().encode_to_vec())
            })*
            other => Err(Status::internal(format!("no method {other}"))),
        }
    };
}

pub async fn unary(
    name: &str,
    channel: Channel,
    bytes: Vec<u8>,
    headers: Headers,
) -> Result<Vec<u8>, Status> {
    unary!(name, channel, bytes, headers;
        "SnapshotService/CreateFromDirectory" => SnapshotServiceClient.create_from_directory,
        "SnapshotService/CreateDeltaFromDirectory" => SnapshotServiceClient.create_delta_from_directory,
        "SnapshotService/List" => SnapshotServiceClient.list,
        "SnapshotService/Inspect" => SnapshotServiceClient.inspect,
        "SnapshotService/Update" => SnapshotServiceClient.update,
        "SnapshotService/Delete" => SnapshotServiceClient.delete,
        "SnapshotService/ExportToDirectory" => SnapshotServiceClient.export_to_directory,
        "SnapshotService/CloneToDirectory" => SnapshotServiceClient.clone_to_directory,
        "SnapshotService/TakeToDirectory" => SnapshotServiceClient.take_to_directory,
        "SnapshotService/ImportFromDirectory" => SnapshotServiceClient.import_from_directory,
        "GcService/CollectGarbage" => GcServiceClient.collect_garbage,
        "GcService/BeginGc" => GcServiceClient.begin_gc,
        "GcService/ListGcReferences" => GcServiceClient.list_gc_references,
        "GcService/ListGcCandidates" => GcServiceClient.list_gc_candidates,
        "GcService/CollectGc" => GcServiceClient.collect_gc,
        "GcService/RenewGc" => GcServiceClient.renew_gc,
        "GcService/EndGc" => GcServiceClient.end_gc,
        "SystemService/GetInfo" => SystemServiceClient.get_info,
        "ReplicationService/ListTransfers" => ReplicationServiceClient.list_transfers,
        "ReplicationService/CancelTransfer" => ReplicationServiceClient.cancel_transfer,
        "RemoteService/ListRemotes" => RemoteServiceClient.list_remotes,
        "RemoteService/DeleteRemoteSnapshots" => RemoteServiceClient.delete_remote_snapshots,
        "RemoteService/ListRemoteSnapshots" => RemoteServiceClient.list_remote_snapshots,
    )
}

/// An answer that may be a chunk of bytes.
trait Answer: Message {
    fn chunk(&mut self) -> Option<Frame> {
        None
    }
}

macro_rules! answers {
    ($($plain:ty),*; $($chunked:ty => $frame:path),*; $($placed:ty => $at:path),*) => {
        $(impl Answer for $plain {})*
        $(impl Answer for $chunked {
            fn chunk(&mut self) -> Option<Frame> {
                match &mut self.frame {
                    Some($frame(bytes)) => Some(Frame::Chunk(std::mem::take(bytes))),
                    _ => None,
                }
            }
        })*
        $(impl Answer for $placed {
            fn chunk(&mut self) -> Option<Frame> {
                match &mut self.frame {
                    Some($at(bytes)) => Some(Frame::Placed(std::mem::take(bytes), self.offset)),
                    _ => None,
                }
            }
        })*
    };
}

answers!(
    OpenDataDirectoryResponse, VerifyResponse, WatchResponse, CheckResponse, RepairResponse,
    PullResponse, PushResponse, GetManifestResponse, ReadTableResponse, ReadBlocksResponse,
    CheckRemoteResponse, CollectRemoteGarbageResponse, VerifyRemoteResponse;
    RestoreResponse => restore_response::Frame::Chunk,
    ExportResponse => export_response::Frame::Chunk;
    ReadFileResponse => read_file_response::Frame::Chunk
);

fn frames<T: Answer + 'static>(stream: Streaming<T>) -> Answers {
    Box::pin(stream.map(|answer| {
        answer.map(|mut message| match message.chunk() {
            Some(frame) => frame,
            None => Frame::Message(message.encode_to_vec()),
        })
    }))
}

macro_rules! download {
    ($name:expr, $channel:expr, $bytes:expr, $headers:expr; $($path:literal => $client:ident.$method:ident),* $(,)?) => {
        match $name {
            $($path => {
                let answer = $client::new($channel).$method(request(parse(&$bytes), $headers)).await?;
                Ok(frames(answer.into_inner()))
            })*
            other => Err(Status::internal(format!("no method {other}"))),
        }
    };
}

pub async fn download(
    name: &str,
    channel: Channel,
    bytes: Vec<u8>,
    headers: Headers,
) -> Result<Answers, Status> {
    download!(name, channel, bytes, headers;
        "SnapshotService/Restore" => SnapshotServiceClient.restore,
        "SnapshotService/Export" => SnapshotServiceClient.export,
        "SnapshotService/ReadFile" => SnapshotServiceClient.read_file,
        "SnapshotService/OpenDataDirectory" => SnapshotServiceClient.open_data_directory,
        "SnapshotService/Verify" => SnapshotServiceClient.verify,
        "SnapshotService/Watch" => SnapshotServiceClient.watch,
        "SystemService/Check" => SystemServiceClient.check,
        "SystemService/Repair" => SystemServiceClient.repair,
        "ReplicationService/Pull" => ReplicationServiceClient.pull,
        "ReplicationService/Push" => ReplicationServiceClient.push,
        "ReplicationService/GetManifest" => ReplicationServiceClient.get_manifest,
        "ReplicationService/ReadTable" => ReplicationServiceClient.read_table,
        "ReplicationService/ReadBlocks" => ReplicationServiceClient.read_blocks,
        "RemoteService/CheckRemote" => RemoteServiceClient.check_remote,
        "RemoteService/CollectRemoteGarbage" => RemoteServiceClient.collect_remote_garbage,
        "RemoteService/VerifyRemote" => RemoteServiceClient.verify_remote,
    )
}

pub async fn upload(
    name: &str,
    channel: Channel,
    sent: Receiver<Frame>,
    headers: Headers,
) -> Result<Vec<u8>, Status> {
    let sent = ReceiverStream::new(sent);
    let mut client = SnapshotServiceClient::new(channel);
    match name {
        "SnapshotService/Create" => {
            let frames = sent.map(|frame| match frame {
                Frame::Chunk(bytes) => {
                    CreateRequest { frame: Some(create_request::Frame::Chunk(bytes)) }
                }
                Frame::Message(bytes) => parse(&bytes),
                Frame::Placed(..) => unreachable!("uploads have no places"),
            });
            Ok(client.create(request(frames, headers)).await?.into_inner().encode_to_vec())
        }
        "SnapshotService/Import" => {
            let frames = sent.map(|frame| match frame {
                Frame::Chunk(bytes) => {
                    ImportRequest { frame: Some(import_request::Frame::Chunk(bytes)) }
                }
                Frame::Message(bytes) => parse(&bytes),
                Frame::Placed(..) => unreachable!("uploads have no places"),
            });
            Ok(client.import(request(frames, headers)).await?.into_inner().encode_to_vec())
        }
        other => Err(Status::internal(format!("no method {other}"))),
    }
}
