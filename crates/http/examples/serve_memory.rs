//! Serves SCIM from memory, to try clients out: `cargo run -p rollcall-http --example serve_memory`.

use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::{
    Admin, Authenticator, Caller, Directory, NewConnection, SystemClock, UuidIds,
};
use rollcall_http::{App, Settings, serve};
use rollcall_testkit::MemoryStore;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let public_url = format!("http://{}", listener.local_addr()?);

    let store = Arc::new(MemoryStore::new());
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidIds));
    let admin = Admin::new(store.clone(), store.clone(), clock.clone(), ids.clone());
    let made = admin.connect(&Caller::CLI, "Example", &NewConnection::default()).await?;
    println!("{public_url}/connections/{}/scim/v2", made.connection.id);
    println!("{}", made.minted.as_ref().map_or("", |minted| minted.reveal()));

    let directory = Directory::new(store.clone(), clock, ids);
    let settings = Settings { public_url, ..Settings::default() };
    let app = App::new(directory, Authenticator::new(store.clone()), store, settings);
    let stop = CancellationToken::new();
    let end = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            end.cancel();
        }
    });
    serve(listener, Arc::new(app), stop, Duration::from_secs(10)).await;
    Ok(())
}
