//! Makes one call, sends its frames, cancels it, and reports its outcome as JSON.
use crate::stubs::{self, Frame, Headers};
use crate::values::{number, to_text};
use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::StreamExt;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let descriptors = include_bytes!("../../../../gen/stasis.binpb");
    DescriptorPool::decode(descriptors.as_slice()).expect("gen/stasis.binpb")
});
static KEPT: LazyLock<Mutex<HashMap<String, Vec<u8>>>> = LazyLock::new(Mutex::default);
static CHANNELS: LazyLock<Mutex<HashMap<String, Channel>>> = LazyLock::new(Mutex::default);

/// The outcome of a call: its answers, or its error.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub ok: bool,
    pub value: Value,
}

pub struct Call {
    frames: Option<mpsc::Sender<Frame>>,
    request: MessageDescriptor,
    cancel: Option<oneshot::Sender<()>>,
    progress: watch::Receiver<Progress>,
}

#[derive(Clone, Default)]
struct Progress {
    begun: bool,
    outcome: Option<Outcome>,
}

fn channel_to(target: &str) -> Result<Channel, String> {
    let mut channels = CHANNELS.lock().unwrap();
    if let Some(channel) = channels.get(target) {
        return Ok(channel.clone());
    }
    let uri = match target.strip_prefix("unix:") {
        Some(path) => format!("unix://{path}"),
        None => format!("http://{target}"),
    };
    let channel = Endpoint::from_shared(uri).map_err(|error| error.to_string())?.connect_lazy();
    channels.insert(target.to_string(), channel.clone());
    Ok(channel)
}

fn method_of(name: &str) -> Option<MethodDescriptor> {
    let (service, method) = name.split_once('/')?;
    let service = POOL.get_service_by_name(&format!("stasis.v1.{service}"))?;
    service.methods().find(|each| each.name() == method)
}

fn encode(message: MessageDescriptor, json: &Value) -> Result<Vec<u8>, String> {
    let json = if json.is_null() { &json!({}) } else { json };
    let message = DynamicMessage::deserialize(message, json).map_err(|error| error.to_string())?;
    Ok(message.encode_to_vec())
}

fn decode(message: MessageDescriptor, bytes: &[u8]) -> Value {
    let message = DynamicMessage::decode(message, bytes).expect("what the stub has encoded");
    serde_json::to_value(&message).expect("JSON of a message")
}

/// Returns the error with its decoded details, and the messages that preceded it.
fn failed(status: &Status, mut value: Map<String, Value>) -> Outcome {
    let message = POOL.get_message_by_name("google.rpc.Status").expect("google.rpc.Status");
    let details = match decode(message, status.details()) {
        Value::Object(mut fields) => fields.remove("details").unwrap_or(json!([])),
        _ => json!([]),
    };
    for detail in details.as_array().into_iter().flatten() {
        if to_text(&detail["@type"]).ends_with("/google.rpc.ErrorInfo") {
            for key in ["reason", "domain", "metadata"] {
                value.insert(key.into(), detail[key].clone());
            }
        }
    }
    value.insert("code".into(), code_name(status.code()).into());
    value.insert("message".into(), status.message().into());
    value.insert("details".into(), details);
    Outcome { ok: false, value: value.into() }
}

/// Returns the code as the gRPC specification writes it. tonic writes NotFound instead of
/// NOT_FOUND.
fn code_name(code: Code) -> String {
    let name = format!("{code:?}");
    let mut spelled = String::new();
    for (index, letter) in name.char_indices() {
        if index > 0 && letter.is_uppercase() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_uppercase());
    }
    spelled
}

impl Call {
    /// Starts the call and sends its frames. Half-closes it unless the step keeps it open.
    pub async fn open(targets: &Map<String, Value>, step: &Value) -> Result<Call, String> {
        let name = to_text(&step["call"]);
        let method = method_of(&name).ok_or(format!("no method {name}"))?;
        let target = step["at"].as_str().unwrap_or("main");
        let channel = channel_to(&to_text(&targets[target]))?;
        let mut headers = Headers::new();
        let limit = number(&step["deadlineMs"], 120_000.0) as u64;
        headers.insert("grpc-timeout", format!("{limit}m").parse().expect("a number"));
        let limit = Duration::from_millis(limit);
        for (key, value) in step["metadata"].as_object().into_iter().flatten() {
            let key = key.parse::<tonic::metadata::AsciiMetadataKey>();
            let value = to_text(value).parse();
            headers.insert(
                key.map_err(|error| error.to_string())?,
                value.map_err(|_| "no header")?,
            );
        }
        let (cancel, cancelled) = oneshot::channel();
        let (report, progress) = watch::channel(Progress::default());
        let (sender, receiver) = mpsc::channel(4);
        let mut call = Call {
            frames: None,
            request: method.input(),
            cancel: Some(cancel),
            progress,
        };
        if method.is_client_streaming() {
            call.frames = Some(sender);
            report.send_modify(|progress| progress.begun = true);
            let answer = method.output();
            tokio::spawn(async move {
                let upload = stubs::upload(&name, channel, receiver, headers);
                let ended = limited(limit, cancelled, upload).await.and_then(|ended| ended);
                settle(&report, one(answer, ended));
            });
            call.send_all(&step["send"]).await?;
            if step["hold"].is_null() && step["open"].is_null() {
                call.half_close();
            }
            return Ok(call);
        }
        let bytes = encode(method.input(), &step["send"])?;
        let step = step.clone();
        tokio::spawn(async move {
            let ended = if method.is_server_streaming() {
                let mut reader = Reader::new(&step, method.output());
                let download = reader.read_all(&name, channel, bytes, headers, &report);
                let error = limited(limit, cancelled, download).await.unwrap_or_else(Some);
                reader.outcome(error)
            } else {
                let call = stubs::unary(&name, channel, bytes, headers);
                one(method.output(), limited(limit, cancelled, call).await.and_then(|ended| ended))
            };
            settle(&report, ended);
        });
        Ok(call)
    }

    /// Sends the frames. Stops when the call has ended, because nobody accepts frames then.
    pub async fn send_all(&self, frames: &Value) -> Result<(), String> {
        for frame in frames.as_array().into_iter().flatten() {
            if frame["body"].is_null() {
                if !self.send(Frame::Message(encode(self.request.clone(), frame)?)).await {
                    return Ok(());
                }
                continue;
            }
            let size = number(&frame["chunk"], 512.0 * 1024.0) as usize;
            for piece in frame["body"].as_array().into_iter().flatten() {
                if !self.send_piece(piece, size).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn send_piece(&self, piece: &Value, size: usize) -> Result<bool, String> {
        let mut left = number(&piece["zeros"], 0.0) as usize;
        while left > 0 {
            if !self.send(Frame::Chunk(vec![0; left.min(size)])).await {
                return Ok(false);
            }
            left -= left.min(size);
        }
        let content = match piece["kept"].as_str() {
            Some(name) => KEPT.lock().unwrap().get(name).cloned().ok_or("no such bytes")?,
            None => STANDARD.decode(to_text(&piece["base64"])).map_err(|e| e.to_string())?,
        };
        for chunk in content.chunks(size) {
            if !self.send(Frame::Chunk(chunk.to_vec())).await {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn send(&self, frame: Frame) -> bool {
        let mut progress = self.progress.clone();
        let Some(frames) = &self.frames else { return false };
        tokio::select! {
            sent = frames.send(frame) => sent.is_ok(),
            _ = progress.wait_for(|now| now.outcome.is_some()) => false,
        }
    }

    pub fn half_close(&mut self) {
        self.frames = None;
    }

    pub fn cancel(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            let _ = cancel.send(());
        }
    }

    /// Waits for the first message, or for the end of the call.
    pub async fn begun(&mut self) {
        let _ = self.progress.wait_for(|now| now.begun || now.outcome.is_some()).await;
    }

    pub async fn outcome(&mut self) -> Outcome {
        let ended = self.progress.wait_for(|now| now.outcome.is_some()).await;
        ended.expect("a task that settles").outcome.clone().expect("an outcome")
    }
}

/// Returns the result of a call, unless its deadline passes or it is cancelled first. tonic's own
/// deadline ends only calls without an answer so far, and as CANCELLED. This deadline began
/// earlier, so it always passes first.
async fn limited<T>(
    limit: Duration,
    cancelled: oneshot::Receiver<()>,
    call: impl Future<Output = T>,
) -> Result<T, Status> {
    tokio::select! {
        biased;
        () = tokio::time::sleep(limit) => Err(Status::deadline_exceeded("passed")),
        () = asked(cancelled) => Err(Status::cancelled("by the caller")),
        ended = call => Ok(ended),
    }
}

/// Resolves when the caller cancels. Never resolves if nobody can cancel any more.
async fn asked(cancelled: oneshot::Receiver<()>) {
    if cancelled.await.is_err() {
        std::future::pending().await
    }
}

fn settle(report: &watch::Sender<Progress>, ended: Outcome) {
    report.send_modify(|progress| progress.outcome = Some(ended));
}

fn one(message: MessageDescriptor, ended: Result<Vec<u8>, Status>) -> Outcome {
    match ended {
        Ok(bytes) => Outcome { ok: true, value: decode(message, &bytes) },
        Err(status) => failed(&status, Map::new()),
    }
}

/// Counts and checks the chunks of a stream, and keeps the other messages.
struct Reader {
    message: MessageDescriptor,
    messages: Vec<Value>,
    offsets: Vec<String>,
    bytes: u64,
    sum: crc32fast::Hasher,
    left: i64,
    keep: Option<(String, Vec<u8>)>,
    file: Option<std::fs::File>,
}

impl Reader {
    fn new(step: &Value, message: MessageDescriptor) -> Reader {
        let path = step["to"].as_str();
        Reader {
            message,
            messages: Vec::new(),
            offsets: Vec::new(),
            bytes: 0,
            sum: crc32fast::Hasher::new(),
            left: number(&step["cancelAfter"], -1.0) as i64,
            keep: step["keep"].as_str().map(|name| (name.to_string(), Vec::new())),
            file: path.map(|path| std::fs::File::create(path).expect("the file of `to`")),
        }
    }

    /// Reads all answers. Returns the error if the call failed. Dropping the stream cancels it.
    async fn read_all(
        &mut self,
        name: &str,
        channel: Channel,
        request: Vec<u8>,
        headers: Headers,
        report: &watch::Sender<Progress>,
    ) -> Option<Status> {
        let mut answers = match stubs::download(name, channel, request, headers).await {
            Ok(answers) => answers,
            Err(status) => return Some(status),
        };
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(frame) => self.take(frame),
                Err(status) => return Some(status),
            }
            report.send_modify(|progress| progress.begun = true);
            self.left -= 1;
            if self.left == 0 {
                return Some(Status::cancelled("by the caller"));
            }
        }
        None
    }

    fn take(&mut self, frame: Frame) {
        let chunk = match frame {
            Frame::Message(bytes) => {
                return self.messages.push(decode(self.message.clone(), &bytes));
            }
            Frame::Chunk(chunk) => chunk,
            Frame::Placed(chunk, offset) => {
                self.offsets.push(offset.to_string());
                chunk
            }
        };
        self.bytes += chunk.len() as u64;
        self.sum.update(&chunk);
        if let Some((_, content)) = &mut self.keep {
            content.extend_from_slice(&chunk);
        }
        if let Some(file) = &mut self.file {
            file.write_all(&chunk).expect("the file of `to`");
        }
    }

    fn outcome(self, error: Option<Status>) -> Outcome {
        if let Some((name, content)) = self.keep {
            KEPT.lock().unwrap().insert(name, content);
        }
        let bytes = self.bytes.to_string();
        let sum = self.sum.finalize();
        let trailer = self.messages.last().map_or(Value::Null, |last| last["trailer"].clone());
        let intact =
            trailer["totalBytes"] == bytes.as_str() && number(&trailer["crc32"], 0.0) == f64::from(sum);
        let messages = self.messages;
        let value = json!({"messages": messages, "bytes": bytes, "crc32": sum, "intact": intact, "offsets": self.offsets});
        match (error, value) {
            (Some(status), Value::Object(fields)) => failed(&status, fields),
            (_, value) => Outcome { ok: true, value },
        }
    }
}

pub async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
