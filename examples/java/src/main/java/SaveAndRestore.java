import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.StatusException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Iterator;
import java.util.zip.CRC32;
import stasis.v1.CreateHeader;
import stasis.v1.CreateRequest;
import stasis.v1.CreateResponse;
import stasis.v1.ListRequest;
import stasis.v1.ListResponse;
import stasis.v1.RestoreRequest;
import stasis.v1.RestoreResponse;
import stasis.v1.Snapshot;
import stasis.v1.SnapshotConfig;
import stasis.v1.SnapshotServiceGrpc;
import stasis.v1.SparseFormat;
import stasis.v1.UploadCommit;

/**
 * Saves a tar as a snapshot, lists what is stored, and restores it into another tar:
 * {@code tar -C DIR -c . | java SaveAndRestore unix:/var/lib/stasis/stasis.sock nightly | tar -t}.
 */
public final class SaveAndRestore {
  public static void main(String[] args) throws Exception {
    ManagedChannel channel = channelTo(args[0]);
    save(channel, args[1], System.in);
    list(channel);
    restore(channel, args[1], System.out);
    channel.shutdownNow();
  }

  private static ManagedChannel channelTo(String address) {
    if (!address.startsWith("unix:")) return NettyChannelBuilder.forTarget(address).usePlaintext().build();
    return NettyChannelBuilder.forAddress(new DomainSocketAddress(address.substring("unix:".length())))
        .eventLoopGroup(new EpollEventLoopGroup(1, new DefaultThreadFactory("stasis", true)))
        .channelType(EpollDomainSocketChannel.class, DomainSocketAddress.class)
        .overrideAuthority("localhost")
        .usePlaintext()
        .build();
  }

  private static void save(ManagedChannel channel, String name, InputStream tar)
      throws IOException, InterruptedException, StatusException {
    BlockingClientCall<CreateRequest, CreateResponse> upload = SnapshotServiceGrpc.newBlockingV2Stub(channel).create();
    SnapshotConfig config = SnapshotConfig.newBuilder().setName(name).build();
    boolean taken = upload.write(CreateRequest.newBuilder().setHeader(CreateHeader.newBuilder().setConfig(config)).build());
    CRC32 sum = new CRC32();
    long total = 0;
    // write is false once the daemon has refused the upload: read says why.
    for (byte[] chunk = tar.readNBytes(512 * 1024); taken && chunk.length > 0; chunk = tar.readNBytes(512 * 1024)) {
      sum.update(chunk);
      total += chunk.length;
      taken = upload.write(CreateRequest.newBuilder().setChunk(ByteString.copyFrom(chunk)).build());
    }
    UploadCommit commit = UploadCommit.newBuilder().setTotalBytes(total).setCrc32((int) sum.getValue()).build();
    if (taken && upload.write(CreateRequest.newBuilder().setCommit(commit).build())) upload.halfClose();
    System.err.println("saved as " + upload.read().getSnapshot().getConfig().getId());
  }

  private static void list(ManagedChannel channel) {
    String token = "";
    do {
      ListRequest request = ListRequest.newBuilder().setPageToken(token).build();
      ListResponse page = SnapshotServiceGrpc.newBlockingStub(channel).list(request);
      for (Snapshot each : page.getSnapshotsList()) {
        System.err.println(each.getConfig().getId() + " " + each.getConfig().getName() + " " + each.getSizeBytes());
      }
      token = page.getNextPageToken();
    } while (!token.isEmpty());
  }

  private static void restore(ManagedChannel channel, String ref, OutputStream tar) throws IOException {
    // GNU is the default, and most tar programs unpack it.
    RestoreRequest request =
        RestoreRequest.newBuilder().setRef(ref).setSparseFormat(SparseFormat.SPARSE_FORMAT_GNU).build();
    CRC32 sum = new CRC32();
    boolean intact = false;
    Iterator<RestoreResponse> frames = SnapshotServiceGrpc.newBlockingStub(channel).restore(request);
    while (frames.hasNext()) {
      RestoreResponse frame = frames.next();
      byte[] chunk = frame.getChunk().toByteArray();
      sum.update(chunk);
      tar.write(chunk);
      if (frame.hasTrailer()) intact = frame.getTrailer().getCrc32() == (int) sum.getValue();
    }
    tar.flush();
    if (!intact) throw new IOException("the download was cut or damaged on its way");
  }
}
