//! Connections take turns, and nobody waits for those who are slow themselves.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::pending;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rollcall_http::{Settings, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::world::{Tenant, World};
use crate::{group, user};

const SOON: Duration = Duration::from_secs(30);

/// Runs a test whose metrics are its own.
fn measured<F: Future<Output = ()>>(test: impl FnOnce(PrometheusHandle) -> F) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(test(handle)));
}

fn waiting(metrics: &PrometheusHandle, kind: &str) -> usize {
    let name = format!("rollcall_http_requests_waiting{{for=\"{kind}\"}} ");
    let text = metrics.render();
    text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Lists users over a socket of its own, and gives the status.
fn list(address: SocketAddr, tenant: &Tenant) -> JoinHandle<u16> {
    let request = Request::get(format!("http://{address}{}/Users", tenant.path))
        .header("authorization", format!("Bearer {}", tenant.token))
        .body(Empty::<Bytes>::new())
        .unwrap();
    tokio::spawn(async move {
        let client = Client::builder(TokioExecutor::new()).build_http();
        client.request(request).await.unwrap().status().as_u16()
    })
}

async fn start(world: World) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(serve(listener, Arc::new(world.app), stop.clone(), SOON));
    (address, stop, task)
}

/// Of a noisy connection two are worked on and many wait; one of a quiet connection is next but one
/// all the same.
#[test]
fn noise_delays_others_by_a_turn() {
    // R-E-17
    const NOISE: usize = 30;
    measured(|metrics| async move {
        let settings = Settings { at_once: 2, at_once_each: 3, ..Settings::default() };
        let world = World::with(settings).await;
        let (spy, a, b) = (Arc::clone(&world.spy), world.a.clone(), world.b.clone());
        let (address, stop, task) = start(world).await;
        spy.gate.shut();
        let noise: Vec<_> = (0..NOISE).map(|_| list(address, &a)).collect();
        until("all come", || waiting(&metrics, "others") == NOISE - 2).await;
        let quiet = list(address, &b);
        until("the quiet one comes", || waiting(&metrics, "others") == NOISE - 1).await;
        assert_eq!(spy.gate.came(), [a.connection(); 2]);
        for step in 3..=4 {
            spy.gate.open_for(1);
            until("another begins", || spy.gate.came().len() == step).await;
        }
        let mut expect = [a.connection(); 4];
        expect[3] = b.connection();
        assert_eq!(spy.gate.came(), expect);
        spy.gate.open_for(2);
        assert_eq!(timeout(SOON, quiet).await.expect("an answer").unwrap(), 200);
        spy.gate.open_for(NOISE);
        for noise in noise {
            assert_eq!(timeout(SOON, noise).await.expect("an answer").unwrap(), 200);
        }
        assert_eq!(waiting(&metrics, "others"), 0);
        stop.cancel();
        timeout(SOON, task).await.expect("it ends").unwrap();
    });
}

/// One connection never has all turns.
#[tokio::test]
async fn noise_leaves_turns_to_others() {
    // R-E-17
    let settings = Settings { at_once: 3, at_once_each: 2, ..Settings::default() };
    let world = World::with(settings).await;
    let (spy, a, b) = (Arc::clone(&world.spy), world.a.clone(), world.b.clone());
    let id = world.made(&b, "/Users", &user("ada")).await;
    let (address, stop, task) = start(world).await;
    spy.gate.shut();
    let noise: Vec<_> = (0..10).map(|_| list(address, &a)).collect();
    until("two begin", || spy.gate.came().len() == 2).await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    for _ in 0..20 {
        let request = Request::get(format!("http://{address}{}/Users/{id}", b.path))
            .header("authorization", format!("Bearer {}", b.token))
            .body(Empty::<Bytes>::new());
        let answer = timeout(SOON, client.request(request.unwrap())).await.expect("an answer");
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(spy.gate.came(), [a.connection(); 2]);
    spy.gate.open_for(noise.len());
    for noise in noise {
        assert_eq!(timeout(SOON, noise).await.expect("an answer").unwrap(), 200);
    }
    stop.cancel();
    timeout(SOON, task).await.expect("it ends").unwrap();
}

/// A client that hangs up waits no longer.
#[test]
fn who_hangs_up_leaves_the_line() {
    measured(|metrics| async move {
        let settings = Settings { at_once: 1, at_once_each: 1, ..Settings::default() };
        let world = World::with(settings).await;
        let (spy, a, b) = (Arc::clone(&world.spy), world.a.clone(), world.b.clone());
        let (address, ..) = start(world).await;
        spy.gate.shut();
        let working = list(address, &a);
        until("it begins", || spy.gate.came().len() == 1).await;
        let gone: Vec<_> = (0..5).map(|_| list(address, &a)).collect();
        until("they wait", || waiting(&metrics, "others") == 5).await;
        gone.iter().for_each(JoinHandle::abort);
        until("they are gone", || waiting(&metrics, "others") == 0).await;
        // The one that is worked on gives its turn back as well.
        working.abort();
        let other = list(address, &b);
        until("another begins", || spy.gate.came().len() == 2).await;
        assert_eq!(spy.gate.came(), [a.connection(), b.connection()]);
        spy.gate.open_for(2);
        assert_eq!(timeout(SOON, other).await.expect("an answer").unwrap(), 200);
    });
}

/// What is made of an answer while it is sent takes turns too.
#[test]
fn long_answers_take_turns() {
    // R-E-17
    measured(|metrics| async move {
        let world = World::with(Settings { at_once: 1, queue: 0, ..Settings::default() }).await;
        world.made(&world.a, "/Groups", &group("everyone", &[])).await;
        world.spy.pretend.store(100_000, Ordering::Relaxed);
        let mut long = world.open("/Groups").await;
        world.spy.gate.shut();
        let reading = async {
            until("another is worked on", || world.spy.gate.came().len() == 1).await;
            tokio::select! {
                biased;
                _ = long.frame() => panic!("it is the other's turn"),
                () = until("the answer waits", || waiting(&metrics, "others") == 1) => {}
            }
            world.spy.gate.open_for(1);
            let chunk = timeout(SOON, long.frame()).await.expect("its turn comes");
            assert!(chunk.expect("it goes on").is_ok());
            drop(long);
            assert_eq!(waiting(&metrics, "others"), 0);
        };
        let (other, ()) =
            tokio::join!(world.send(&world.b, Method::GET, "/Users", &[], ""), reading);
        other.is(200);
    });
}

#[tokio::test]
async fn who_waits_too_long_is_told_so() {
    // R-E-17
    for (queue, status, says) in [(0, 429, "send fewer at once"), (1, 503, "nothing was done")] {
        let (queue_wait, at_once) = (Duration::from_millis(1), 1);
        let world = World::with(Settings { at_once, queue, queue_wait, ..Settings::default() });
        let world = world.await;
        world.spy.gate.shut();
        let asking = async {
            until("one begins", || world.spy.gate.came().len() == 1).await;
            for who in [&world.a, &world.b] {
                let refused = world.send(who, Method::GET, "/Users", &[], "").await;
                refused.is_error(status, "");
                assert!(refused.text.contains(says), "{}", refused.text);
                assert_eq!(refused.header("retry-after"), "1");
            }
            assert_eq!(world.spy.gate.came().len(), 1);
            world.spy.gate.open_for(1);
        };
        let (first, ()) = tokio::join!(world.get("/Users"), asking);
        first.is(200);
    }
}

/// Neither whoever sends a body slowly nor whoever reads an answer slowly has a turn meanwhile.
#[tokio::test]
async fn who_is_slow_keeps_nobody_waiting() {
    // R-E-17
    let settings = Settings { at_once: 1, queue: 0, ..Settings::default() };
    let world = World::with(settings).await;
    world.made(&world.a, "/Groups", &group("everyone", &[])).await;
    world.spy.pretend.store(100_000, Ordering::Relaxed);
    let mut unread = world.open("/Groups").await;
    unread.frame().await.expect("it begins").expect("it is readable");
    let slow = async {
        let body = StreamBody::new(pending::<Result<Frame<Bytes>, std::io::Error>>());
        let request = Request::post(format!("{}/Users", world.a.path))
            .header("authorization", format!("Bearer {}", world.a.token));
        world.app.handle(request.body(body).unwrap()).await
    };
    tokio::select! {
        biased;
        _ = slow => panic!("its body never ends"),
        () = async { world.get("/Users").await.is(200); } => {}
    }
    drop(unread);
}
