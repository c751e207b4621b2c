//! What operators ask for: is it alive, is it ready, how is it doing.

use http::header::CONTENT_TYPE;
use http::{Method, Response};

use crate::problem::{Problem, chain};
use crate::route::Operation;
use crate::{App, Body, reply};

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers by plain texts.
pub(crate) async fn answer(
    app: &App,
    operation: Operation,
    method: &Method,
) -> Result<Response<Body>, Problem> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Problem::method("GET, HEAD"));
    }
    match operation {
        Operation::Health => Ok(plain(reply::ok("ok".into()))),
        Operation::Readiness => Ok(plain(readiness(app).await)),
        Operation::Metrics => {
            let render = app.metrics.as_ref().ok_or_else(Problem::nowhere)?;
            Ok(reply::with(reply::ok(render().into()), CONTENT_TYPE, METRICS))
        }
    }
}

async fn readiness(app: &App) -> Response<Body> {
    let reason = match tokio::time::timeout(app.settings.ready_timeout, app.store.ready()).await {
        Ok(Ok(())) => return reply::ok("ready".into()),
        Ok(Err(error)) => chain(&error),
        Err(_) => "the store did not answer in time".into(),
    };
    tracing::warn!(reason, "not ready");
    reply::not_ready("the store does not answer".into())
}

fn plain(response: Response<Body>) -> Response<Body> {
    reply::with(response, CONTENT_TYPE, TEXT)
}
