//! The services of a server, wired to each other.

use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::{
    Authenticator, Dialects, Directory, Keyring, SystemClock, Traffics, UuidIds,
};
use rollcall_http::{AdminApi, App, Discovery, MetricsAt, Settings};
use rollcall_oauth::{OAuth, Oidc};
use rollcall_outbound::Outbound;

use crate::backend::Backend;
use crate::config::Config;

/// How long a cursor leads on.
const CURSOR_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// What requests and background work have in common.
pub(crate) struct Services {
    keys: Arc<Keyring>,
    traffics: Arc<Traffics>,
    outbound: Arc<Outbound>,
    pub(crate) oauth: Arc<OAuth>,
}

impl Services {
    pub(crate) fn new(config: &Config, backend: &Backend, keys: Arc<Keyring>) -> Self {
        let traffics = Traffics::new(Arc::clone(&backend.registry), Arc::new(SystemClock));
        let traffics = Arc::new(traffics);
        let outbound = Arc::new(Outbound::new(config.fetch_private.clone()));
        let oauth = OAuth::new(
            Arc::clone(&backend.registry),
            Arc::clone(&keys),
            Arc::clone(&outbound) as _,
            Arc::new(SystemClock),
            Arc::new(UuidIds),
            format!("{}{}", config.public_url.as_deref().unwrap_or_default(), config.mount),
        );
        // Every listener that speaks TLS asks for a client certificate.
        let oauth = Arc::new(match config.tls {
            Some(_) => oauth.with_client_certificates(),
            None => oauth,
        });
        Self { keys, traffics, outbound, oauth }
    }

    /// What answers requests.
    pub(crate) fn app(
        &self,
        config: &Config,
        backend: &Backend,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> App {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidIds));
        let directory = Directory::new(Arc::clone(&backend.store), clock, ids);
        let directory = directory
            .with_keys(Arc::clone(&self.keys), CURSOR_TIMEOUT)
            .with_registry(Arc::clone(&backend.registry));
        let authenticator = Authenticator::new(Arc::clone(&backend.registry))
            .with_access_tokens(Arc::clone(&self.oauth) as _)
            .with_traffics(Arc::clone(&self.traffics));
        let dialects = Dialects::new(Arc::clone(&backend.registry), Arc::new(SystemClock));
        App::new(directory, authenticator, Arc::clone(&backend.store), settings(config))
            .with_dialects(dialects)
            .with_traffics(Arc::clone(&self.traffics))
            .with_authorization(Arc::clone(&self.oauth) as _)
            .with_admin(self.admin_api(config, backend))
            .with_metrics(metrics)
    }

    fn admin_api(&self, config: &Config, backend: &Backend) -> AdminApi {
        let admin = backend
            .admin()
            .with_keys(Arc::clone(&self.keys))
            .with_fetch(Arc::clone(&self.outbound) as _)
            .with_issuers(Arc::clone(&self.oauth) as _);
        let api = AdminApi::new(admin).with_traffics(Arc::clone(&self.traffics));
        match &config.sign_in {
            None => api,
            Some(sign_in) => {
                let oidc = Oidc::new(
                    sign_in.issuer.clone(),
                    sign_in.audience.clone(),
                    Arc::clone(&self.outbound) as _,
                    Arc::new(SystemClock),
                );
                api.with_sign_in(Arc::new(oidc), &*sign_in.issuer)
            }
        }
    }
}

fn settings(config: &Config) -> Settings {
    let plain = Settings::default();
    let at_once = config.requests_at_once.unwrap_or(plain.at_once);
    Settings {
        public_url: config.public_url.clone().unwrap_or_default(),
        mount: config.mount.clone(),
        body_limit: config.body_limit,
        rate: config.rate,
        trusted_proxies: config.trusted_proxies.clone(),
        discovery: match config.open_discovery {
            true => Discovery::Open,
            false => Discovery::Guarded,
        },
        metrics: match config.metrics_listen {
            Some(_) => MetricsAt::OwnListener,
            None => MetricsAt::Everywhere,
        },
        at_once,
        at_once_each: at_once.div_ceil(2),
        ..plain
    }
}
