package stasis.conformance;

import static stasis.conformance.Values.number;
import static stasis.conformance.Values.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.TypeRegistry;
import com.google.protobuf.UnsafeByteOperations;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.ErrorDetailsProto;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.protobuf.StatusProto;
import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.zip.CRC32;
import stasis.v1.GcServiceGrpc;
import stasis.v1.RemoteServiceGrpc;
import stasis.v1.ReplicationServiceGrpc;
import stasis.v1.SnapshotServiceGrpc;
import stasis.v1.SystemServiceGrpc;

/** Makes one call with a generated method, sends its frames, and reports its outcome. */
final class Call extends ClientCall.Listener<Message> {
  /** The outcome of a call: its answers, or its error. */
  record Outcome(boolean ok, JsonObject value) {}

  private static final List<ServiceDescriptor> SERVICES =
      List.of(
          SnapshotServiceGrpc.getServiceDescriptor(),
          GcServiceGrpc.getServiceDescriptor(),
          SystemServiceGrpc.getServiceDescriptor(),
          ReplicationServiceGrpc.getServiceDescriptor(),
          RemoteServiceGrpc.getServiceDescriptor());
  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer()
          .usingTypeRegistry(
              TypeRegistry.newBuilder().add(ErrorDetailsProto.getDescriptor().getMessageTypes()).build());
  private static final Map<String, ManagedChannel> CHANNELS = new ConcurrentHashMap<>();
  private static final Map<String, byte[]> KEPT = new ConcurrentHashMap<>();

  /** The time that a call may take to end after its deadline. */
  private static final long GRACE_MS = 30_000;

  private final JsonObject step;
  private final long giveUpNanos;
  private final boolean streamsAnswers;
  private final Message request;
  private final ClientCall<Message, Message> call;
  private final JsonArray messages = new JsonArray();
  private final JsonArray offsets = new JsonArray();
  private final CRC32 sum = new CRC32();
  private final ByteArrayOutputStream content = new ByteArrayOutputStream();
  private OutputStream file = OutputStream.nullOutputStream();
  private long bytes;
  private long left;
  private boolean begun;
  private boolean closed;
  private Outcome outcome;
  private String unreadable = "";

  /** Starts the call and sends its frames. Half-closes it unless the step keeps it open. */
  @SuppressWarnings("unchecked")
  Call(JsonObject targets, JsonObject step) throws IOException, InterruptedException {
    this.step = step;
    String name = "stasis.v1." + text(step.get("call"));
    MethodDescriptor<Message, Message> method =
        (MethodDescriptor<Message, Message>)
            SERVICES.stream()
                .flatMap(each -> each.getMethods().stream())
                .filter(each -> each.getFullMethodName().equals(name))
                .findFirst()
                .orElseThrow(() -> new Failure("no method " + name));
    request = ((PrototypeMarshaller<Message>) method.getRequestMarshaller()).getMessagePrototype();
    streamsAnswers = !method.getType().serverSendsOneMessage();
    left = number(step, "cancelAfter", -1);
    if (step.has("to")) file = new FileOutputStream(text(step.get("to")));
    String target = step.has("at") ? text(step.get("at")) : "main";
    long deadline = number(step, "deadlineMs", 120_000);
    giveUpNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(deadline + GRACE_MS);
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(deadline, TimeUnit.MILLISECONDS);
    call = channelTo(text(targets.get(target))).newCall(method, options);
    Metadata headers = new Metadata();
    if (step.has("metadata")) {
      for (Map.Entry<String, JsonElement> each : step.getAsJsonObject("metadata").entrySet()) {
        headers.put(Metadata.Key.of(each.getKey(), Metadata.ASCII_STRING_MARSHALLER), text(each.getValue()));
      }
    }
    call.start(this, headers);
    call.request(streamsAnswers ? 1 : 2);
    if (method.getType().clientSendsOneMessage()) {
      call.sendMessage(parse(step.has("send") ? step.get("send") : new JsonObject()));
      call.halfClose();
      return;
    }
    begin();
    sendAll(step.getAsJsonArray("send"));
    if (!step.has("hold") && !step.has("open")) halfClose();
  }

  private static ManagedChannel channelTo(String target) {
    return CHANNELS.computeIfAbsent(
        target,
        address -> {
          if (!address.startsWith("unix:")) return NettyChannelBuilder.forTarget(address).usePlaintext().build();
          return NettyChannelBuilder.forAddress(new DomainSocketAddress(address.substring("unix:".length())))
              .eventLoopGroup(new EpollEventLoopGroup(1))
              .channelType(EpollDomainSocketChannel.class, DomainSocketAddress.class)
              .overrideAuthority("localhost")
              .usePlaintext()
              .build();
        });
  }

  /** Sends the frames. Stops when the call has ended, because nobody accepts frames then. */
  void sendAll(JsonArray frames) throws IOException, InterruptedException {
    for (JsonElement element : frames) {
      JsonObject frame = element.getAsJsonObject();
      if (!frame.has("body")) {
        if (!send(parse(frame))) return;
        continue;
      }
      int size = (int) number(frame, "chunk", 512 * 1024);
      for (JsonElement piece : frame.getAsJsonArray("body")) {
        if (!sendPiece(piece.getAsJsonObject(), size)) return;
      }
    }
  }

  private boolean sendPiece(JsonObject piece, int size) throws InterruptedException {
    long zeros = number(piece, "zeros", 0);
    ByteString block = UnsafeByteOperations.unsafeWrap(new byte[(int) Math.min(zeros, size)]);
    for (long rest = zeros; rest > 0; rest -= size) {
      if (!sendChunk(rest >= size ? block : block.substring(0, (int) rest))) return false;
    }
    byte[] data =
        piece.has("kept")
            ? KEPT.get(text(piece.get("kept")))
            : Base64.getDecoder().decode(text(piece.get("base64")));
    for (int from = 0; from < data.length; from += size) {
      int length = Math.min(size, data.length - from);
      if (!sendChunk(UnsafeByteOperations.unsafeWrap(data, from, length))) return false;
    }
    return true;
  }

  private boolean sendChunk(ByteString chunk) throws InterruptedException {
    return send(request.newBuilderForType().setField(chunkField(request), chunk).build());
  }

  /** Waits until the call accepts a frame. Returns false if the call has ended. */
  private boolean send(Message frame) throws InterruptedException {
    synchronized (this) {
      await(() -> call.isReady() || closed);
      if (closed) return false;
    }
    call.sendMessage(frame);
    return true;
  }

  synchronized void halfClose() {
    if (!closed) call.halfClose();
  }

  void cancel() {
    call.cancel("by the caller", null);
  }

  @Override
  public synchronized void onReady() {
    notifyAll();
  }

  private synchronized void begin() {
    begun = true;
    notifyAll();
  }

  /** Waits for the first message, or for the end of the call. */
  synchronized void awaitBegin() throws InterruptedException {
    await(() -> begun);
  }

  synchronized Outcome outcome() throws InterruptedException {
    await(() -> closed);
    if (outcome == null) throw new Failure("what came cannot be read: " + unreadable);
    return outcome;
  }

  private synchronized void await(BooleanSupplier there) throws InterruptedException {
    while (!there.getAsBoolean()) {
      long rest = TimeUnit.NANOSECONDS.toMillis(giveUpNanos - System.nanoTime());
      if (rest <= 0) throw new Failure("the call has not ended " + GRACE_MS + " ms after its deadline");
      wait(rest);
    }
  }

  /** Counts and checks the chunks of a stream, and keeps the other messages. */
  @Override
  public void onMessage(Message message) {
    FieldDescriptor chunk = chunkField(message);
    if (chunk == null || !message.hasField(chunk)) {
      messages.add(toJson(message));
    } else {
      byte[] data = ((ByteString) message.getField(chunk)).toByteArray();
      bytes += data.length;
      FieldDescriptor offset = message.getDescriptorForType().findFieldByName("offset");
      if (offset != null) offsets.add(message.getField(offset).toString());
      sum.update(data);
      try {
        if (step.has("keep")) content.write(data);
        file.write(data);
      } catch (IOException error) {
        call.cancel("cannot write", error);
      }
    }
    begin();
    if (--left == 0) cancel();
    else if (streamsAnswers) call.request(1);
  }

  /** Must not throw, because gRPC would only log the exception and leave the caller waiting. */
  @Override
  public void onClose(Status status, Metadata trailers) {
    Outcome ended = null;
    String problem = "";
    try {
      ended = outcomeOf(status, trailers);
    } catch (RuntimeException error) {
      problem = status + ": " + error;
    }
    synchronized (this) {
      outcome = ended;
      unreadable = problem;
      begun = true;
      closed = true;
      notifyAll();
    }
  }

  private Outcome outcomeOf(Status status, Metadata trailers) {
    JsonObject value = new JsonObject();
    if (streamsAnswers) {
      JsonObject last = messages.isEmpty() ? new JsonObject() : messages.get(messages.size() - 1).getAsJsonObject();
      JsonObject trailer = last.has("trailer") ? last.getAsJsonObject("trailer") : new JsonObject();
      boolean intact =
          text(trailer.get("totalBytes")).equals(Long.toString(bytes))
              && number(trailer, "crc32", 0) == sum.getValue();
      value.add("messages", messages);
      value.addProperty("bytes", Long.toString(bytes));
      value.addProperty("crc32", sum.getValue());
      value.addProperty("intact", intact);
      value.add("offsets", offsets);
      if (step.has("keep")) KEPT.put(text(step.get("keep")), content.toByteArray());
      try {
        file.close();
      } catch (IOException error) {
        value.addProperty("intact", false);
      }
    } else if (status.isOk()) {
      value = messages.get(0).getAsJsonObject();
    }
    if (!status.isOk()) addError(value, status, trailers);
    return new Outcome(status.isOk(), value);
  }

  /** Returns the error with its decoded details, and the messages that preceded it. */
  private static void addError(JsonObject value, Status status, Metadata trailers) {
    value.addProperty("code", status.getCode().name());
    value.addProperty("message", status.getDescription());
    JsonArray details = new JsonArray();
    for (Any detail : StatusProto.fromStatusAndTrailers(status, trailers).getDetailsList()) {
      JsonObject decoded = toJson(detail);
      details.add(decoded);
      if (!text(decoded.get("@type")).endsWith("/google.rpc.ErrorInfo")) continue;
      for (String key : List.of("reason", "domain", "metadata")) value.add(key, Values.orNull(decoded.get(key)));
    }
    value.add("details", details);
  }

  private static FieldDescriptor chunkField(Message message) {
    return message.getDescriptorForType().findFieldByName("chunk");
  }

  private Message parse(JsonElement json) throws InvalidProtocolBufferException {
    Message.Builder builder = request.newBuilderForType();
    JsonFormat.parser().merge(json.toString(), builder);
    return builder.build();
  }

  private static JsonObject toJson(Message message) {
    try {
      return JsonParser.parseString(PRINTER.print(message)).getAsJsonObject();
    } catch (InvalidProtocolBufferException error) {
      throw new Failure(error.getMessage());
    }
  }
}
