//! Saves a tar as a snapshot, lists what is stored, and restores it into another tar:
//! tar -C DIR -c . | save-and-restore unix:/var/lib/stasis/stasis.sock nightly | tar -t
use stasis_client::v1::{create_request::Frame, restore_response, *};
use stasis_client::v1::snapshot_service_client::SnapshotServiceClient;
use std::error::Error;
use std::io::{Read, Write};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

type Client = SnapshotServiceClient<Channel>;
type Done = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> Done {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("no address")?;
    let name = arguments.next().ok_or("no name")?;
    let uri = match address.strip_prefix("unix:") {
        Some(path) => format!("unix://{path}"),
        None => format!("http://{address}"),
    };
    let mut client = SnapshotServiceClient::connect(uri).await?;
    save(&mut client, &name).await?;
    list(&mut client).await?;
    restore(&mut client, name).await
}

async fn save(client: &mut Client, name: &str) -> Done {
    let (frames, sent) = channel(4);
    let config = SnapshotConfig { name: name.into(), ..Default::default() };
    let header = CreateHeader { config: Some(config), ..Default::default() };
    let reading = tokio::task::spawn_blocking(move || send_tar(&frames, header));
    // If the daemon refused the upload, this call fails with the reason.
    let answer = client.create(ReceiverStream::new(sent)).await?.into_inner();
    reading.await??;
    eprintln!("saved as {}", answer.snapshot.and_then(|found| found.config).unwrap_or_default().id);
    Ok(())
}

fn send_tar(frames: &Sender<CreateRequest>, header: CreateHeader) -> std::io::Result<()> {
    let send = |frame| frames.blocking_send(CreateRequest { frame: Some(frame) }).is_ok();
    let (mut sum, mut total) = (crc32fast::Hasher::new(), 0);
    let mut taken = send(Frame::Header(header));
    let mut chunk = vec![0; 512 * 1024];
    while taken {
        let read = std::io::stdin().read(&mut chunk)?;
        if read == 0 {
            let commit = UploadCommit { total_bytes: total, crc32: Some(sum.finalize()) };
            send(Frame::Commit(commit));
            break;
        }
        total += read as i64;
        sum.update(&chunk[..read]);
        taken = send(Frame::Chunk(chunk[..read].to_vec()));
    }
    Ok(())
}

async fn list(client: &mut Client) -> Done {
    let mut request = ListRequest::default();
    loop {
        let page = client.list(request.clone()).await?.into_inner();
        for snapshot in page.snapshots {
            let config = snapshot.config.unwrap_or_default();
            eprintln!("{} {} {}", config.id, config.name, snapshot.size_bytes);
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

async fn restore(client: &mut Client, name: String) -> Done {
    // GNU is the default, and most tar programs unpack it.
    let sparse_format = SparseFormat::Gnu.into();
    let request = RestoreRequest { r#ref: name, sparse_format, ..Default::default() };
    let mut frames = client.restore(request).await?.into_inner();
    let mut sum = crc32fast::Hasher::new();
    while let Some(answer) = frames.message().await? {
        match answer.frame {
            Some(restore_response::Frame::Chunk(chunk)) => {
                sum.update(&chunk);
                std::io::stdout().write_all(&chunk)?;
            }
            Some(restore_response::Frame::Trailer(trailer)) => {
                let intact = trailer.crc32 == sum.finalize();
                return if intact { Ok(std::io::stdout().flush()?) } else { Err("damaged on its way".into()) };
            }
            _ => (),
        }
    }
    Err("the download has no trailer".into())
}
