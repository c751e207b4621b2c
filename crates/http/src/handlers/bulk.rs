//! Many operations in one request (RFC 7644 §3.7), answered now or later (RFC 9967 §2.5.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::header::{HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};
use rollcall_domain::{Access, Context, Directory, Error, Outcome, Progress, Scopes};
use tracing::Instrument as _;

use super::Call;
use crate::alike::small;
use crate::bulk::{Answers, BulkRequest};
use crate::limits::Turn;
use crate::problem::{Problem, chain};
use crate::site::Site;
use crate::{Body, json, media, reply};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const SET_TXN: HeaderName = HeaderName::from_static("set-txn");

/// How often a server says that it still works on something.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How soon it says that it has come further.
const SOON: Duration = Duration::from_millis(250);

/// How long an answer is held back at most for a client that would rather wait (RFC 7240 §4.3).
const LONGEST_WAIT: u64 = 30;

pub(super) async fn bulk(call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let offer = call.context.offer();
    if !offer.capabilities().bulk {
        return Err(Problem::not_offered(
            "bulk requests are not offered: send each operation by itself",
        ));
    }
    let limit = call.settings.bulk_operations_of(offer.limits());
    media::check_body(&call.parts.headers)?;
    // Reading millions of values takes a while, in which nobody else may wait (R-E-17).
    let (body, of) = (call.body.clone(), Arc::clone(offer));
    let reading = move || json::parse(&body).and_then(|body| BulkRequest::read(body, &of, limit));
    let request = tokio::task::spawn_blocking(reading).await.map_err(Problem::internal)??;
    call.charge(request.operations.len());
    let work = Work {
        directory: Arc::clone(call.directory),
        context: call.context.clone(),
        site: call.site.clone(),
        request_id: call.request_id.to_owned(),
        _turn: Arc::clone(&call.turn),
    };
    match Preference::of(&call.parts.headers).filter(|_| may_be_later(call)) {
        None => Ok(reply::ok(work.run(request, &|_| {}).await?.into())),
        Some(preference) => later(call, work, request, preference).await,
    }
}

/// Whether an answer may come later. It comes at once to whoever could not fetch the outcome: a
/// user's own token, and one that may not read everything.
fn may_be_later(call: &Call<'_>) -> bool {
    let is_user = call.context.subject().is_some();
    call.context.offer().capabilities().asynchronous && !is_user && reads_all(call).is_ok()
}

/// Outcomes name resources of every type: they are for those who may read all of them (R-AUTH-05).
fn reads_all(call: &Call<'_>) -> Result<(), Error> {
    let (types, scopes) = (call.context.offer().catalog().types(), call.context.scopes());
    match types.iter().find(|ty| !scopes.open(ty, Access::Read)) {
        Some(ty) => Err(Error::Scope { needed: Scopes::needed(ty, Access::Read) }),
        None => Ok(()),
    }
}

/// What became of a request that was answered before it was done.
pub(super) async fn outcome(call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    reads_all(call)?;
    let unknown = || Problem::not_found("no such transaction, or it is over for a day".into());
    let id = id.parse().map_err(|_| unknown())?;
    let progress = call.directory.progress(&call.context, id).await?;
    match progress.ok_or_else(unknown)? {
        Progress::Running => Ok(reply::with(reply::bare(StatusCode::ACCEPTED), RETRY_AFTER, "2")),
        Progress::Done(body) => Ok(reply::ok(body.into())),
        Progress::Interrupted(said) => {
            // Nothing was said yet in the first seconds, and something was done since the last time.
            let said = if said.is_empty() { "0" } else { &said };
            Err(Problem::gone(format!(
                "the server stopped while it worked on this, after {said} operations or more: look \
                 at what is there, and send the rest again"
            )))
        }
    }
}

/// `Prefer: respond-async`, and how long the client would wait for a plain answer.
struct Preference {
    wait: Duration,
}

impl Preference {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(PREFER).into_iter().filter_map(|value| value.to_str().ok());
        let (mut asked, mut wait) = (false, 0);
        for preference in values.flat_map(|value| value.split([',', ';'])).map(str::trim) {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            match small(name.trim()).as_str() {
                "respond-async" => asked = true,
                "wait" => wait = value.trim().trim_matches('"').parse().unwrap_or(0),
                _ => {}
            }
        }
        asked.then_some(Self { wait: Duration::from_secs(wait.min(LONGEST_WAIT)) })
    }
}

/// A bulk request on its own, with the turn that it has until it is done (R-E-16).
struct Work {
    directory: Arc<Directory>,
    context: Context,
    site: Site,
    request_id: String,
    _turn: Arc<Turn>,
}

impl Work {
    async fn run(
        &self,
        request: BulkRequest,
        progress: &(dyn Fn(usize) + Send + Sync),
    ) -> Result<String, Error> {
        let BulkRequest { fail_on_errors, slots, operations } = request;
        let results =
            self.directory.bulk(&self.context, operations, fail_on_errors, progress).await?;
        let offer = self.context.offer();
        let answers = Answers { site: &self.site, offer, request_id: &self.request_id };
        Ok(answers.write(slots, results))
    }

    /// Works on, says how far it has come, and keeps what came of it.
    async fn keep(self, request: BulkRequest, promised: Outcome) -> Option<String> {
        let done = AtomicUsize::new(0);
        let count = |n| done.store(n, Ordering::Relaxed);
        let (this, of) = (&self, &promised);
        let say = move |n: usize| async move {
            let told = this.directory.report(&this.context, of, n.to_string()).await;
            if let Err(error) = told {
                tracing::warn!(error = %chain(&error), "progress was not kept");
            }
        };
        let answer = saying(self.run(request, &count), &done, say).await;
        let (body, answer) = match answer {
            Ok(body) => (body.clone(), Some(body)),
            Err(error) => {
                let (_, wire) = Problem::from(error).into_wire(&self.request_id);
                (wire.to_string(), None)
            }
        };
        if let Err(error) = self.directory.settle(&self.context, promised, body).await {
            tracing::error!(error = %chain(&error), "what came of a request was not kept");
        }
        answer
    }
}

/// Works on, and says how many are done: soon where there are more of them, else now and then.
async fn saying<T, S: Future<Output = ()>>(
    work: impl Future<Output = T>,
    done: &AtomicUsize,
    say: impl Fn(usize) -> S,
) -> T {
    let mut working = std::pin::pin!(work);
    let (mut said, mut since) = (0, Instant::now());
    loop {
        tokio::select! {
            answer = &mut working => return answer,
            () = tokio::time::sleep(SOON) => {
                let now = done.load(Ordering::Relaxed);
                if now != said || since.elapsed() >= HEARTBEAT {
                    say(now).await;
                    (said, since) = (now, Instant::now());
                }
            }
        }
    }
}

/// R-ASYNC-01, R-ASYNC-02. A client that waits long enough gets a plain answer.
async fn later(
    call: &Call<'_>,
    work: Work,
    request: BulkRequest,
    preference: Preference,
) -> Result<Response<Body>, Problem> {
    let promised = call.directory.promise(&call.context).await.map_err(Error::from)?;
    let id = promised.id;
    let span = tracing::Span::current();
    let working = call.background.spawn(work.keep(request, promised).instrument(span));
    if !preference.wait.is_zero()
        && let Ok(Ok(Some(body))) = tokio::time::timeout(preference.wait, working).await
    {
        return Ok(reply::ok(body.into()));
    }
    let location = format!("{}/AsyncResults/{id}", call.site.base());
    let mut answer = reply::bare(StatusCode::ACCEPTED);
    for (name, value) in [
        (SET_TXN, id.to_string()),
        (PREFERENCE_APPLIED, "respond-async".into()),
        (LOCATION, location),
    ] {
        answer = reply::with(answer, name, &value);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    /// What is done is said long before the next heartbeat, so that whoever asks after a stop is
    /// told of it.
    #[tokio::test]
    async fn progress_is_said_soon() {
        let (done, heard) = (AtomicUsize::new(0), &Notify::new());
        let work = async {
            done.store(500, Ordering::Relaxed);
            heard.notified().await;
        };
        let say = |n: usize| async move {
            assert_eq!(n, 500);
            heard.notify_one();
        };
        tokio::time::timeout(HEARTBEAT, saying(work, &done, say)).await.unwrap();
    }
}
