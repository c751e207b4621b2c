//! What an operator asks to become of a connection.

use std::collections::BTreeMap;

use rollcall_schema::{NoSuchSwitch, Profile, ProfileName};
use serde::{Deserialize, Deserializer};

use crate::{BadLimit, Capabilities, Limits, NoSuchCapability, Rate, Setup, Status};

/// The longest time that a connection may be quiet, in hours: a year.
const QUIET_AFTER_MOST: u64 = 366 * 24;

/// What is to become of a connection: everything left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ConnectionChange {
    /// Another name; null for none.
    #[serde(deserialize_with = "given")]
    pub name: Option<Option<String>>,
    /// Another status.
    #[serde(deserialize_with = "not_null")]
    pub status: Option<Status>,
    /// What guards the connection.
    pub security: SecurityChange,
    /// After how many hours the connection counts as too quiet; null for a week.
    #[serde(deserialize_with = "given")]
    pub quiet_after_hours: Option<Option<u32>>,
    /// Another profile; null for the one of the IdP's kind.
    #[serde(deserialize_with = "given")]
    pub profile: Option<Option<ProfileName>>,
    /// Switches of the profile by name; null for what the profile says.
    pub switches: BTreeMap<String, Option<bool>>,
    /// Capabilities by name; null for what a connection has that nothing was decided about.
    pub capabilities: BTreeMap<String, Option<bool>>,
    /// Limits.
    pub limits: LimitsChange,
}

/// What is to become of what guards a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SecurityChange {
    /// The largest body, in bytes: the limit of the same name; null for the server's default.
    #[serde(deserialize_with = "given")]
    pub max_request_size: Option<Option<u64>>,
}

/// What is to become of the limits: null for the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LimitsChange {
    /// The largest body, in bytes.
    #[serde(deserialize_with = "given")]
    pub max_request_size: Option<Option<u64>>,
    /// The most operations of a bulk request.
    #[serde(deserialize_with = "given")]
    pub bulk_operations: Option<Option<u32>>,
    /// The largest body of a bulk request, in bytes.
    #[serde(deserialize_with = "given")]
    pub bulk_payload: Option<Option<u64>>,
    /// The size of a page that doesn't ask for one.
    #[serde(deserialize_with = "given")]
    pub page_default: Option<Option<u32>>,
    /// The largest page.
    #[serde(deserialize_with = "given")]
    pub page_max: Option<Option<u32>>,
    /// How many requests a second.
    #[serde(deserialize_with = "given")]
    pub rate: Option<Option<Rate>>,
}

/// Tells null from what isn't there.
fn given<'de, D, T>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(from).map(Some)
}

/// Takes no null for what isn't there.
pub(super) fn not_null<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(from).map(Some)
}

impl ConnectionChange {
    /// The setup afterwards, without what follows from it.
    ///
    /// # Errors
    /// [`BadSetup`] says what can't be set, and how to mend it.
    pub fn setup(&self, setup: &Setup) -> Result<Setup, BadSetup> {
        let mut setup = setup.clone();
        if let Some(name) = self.profile {
            setup.profile.name = name;
        }
        for (name, on) in &self.switches {
            match on {
                Some(on) => {
                    Profile::default().set(name, *on)?;
                    setup.profile.switches.insert(name.clone(), *on);
                }
                None => {
                    setup.profile.switches.remove(name);
                }
            }
        }
        for (name, on) in &self.capabilities {
            let stands = Capabilities::default().get(name).unwrap_or_default();
            setup.capabilities.set(name, on.unwrap_or(stands))?;
        }
        let sizes = (self.limits.max_request_size, self.security.max_request_size);
        if let (Some(one), Some(other)) = sizes
            && one != other
        {
            return Err(BadSetup::TwoSizes);
        }
        self.limits.apply(&mut setup.limits);
        if let Some(size) = self.security.max_request_size {
            setup.limits.max_request_size = size;
        }
        setup.limits.check()?;
        if let Some(hours) = self.quiet_after_hours {
            BadLimit::unless("quietAfterHours", hours, 1..=QUIET_AFTER_MOST, " hours")?;
            setup.quiet_after_hours = hours;
        }
        Ok(setup)
    }
}

impl LimitsChange {
    fn apply(&self, limits: &mut Limits) {
        fn set<T: Copy>(limit: &mut Option<T>, to: Option<Option<T>>) {
            if let Some(to) = to {
                *limit = to;
            }
        }
        set(&mut limits.max_request_size, self.max_request_size);
        set(&mut limits.bulk_operations, self.bulk_operations);
        set(&mut limits.bulk_payload, self.bulk_payload);
        set(&mut limits.page_default, self.page_default);
        set(&mut limits.page_max, self.page_max);
        set(&mut limits.rate, self.rate);
    }
}

/// A setup that can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSetup {
    /// An unknown switch of the profile.
    #[error(transparent)]
    Switch(#[from] NoSuchSwitch),
    /// An unknown capability.
    #[error(transparent)]
    Capability(#[from] NoSuchCapability),
    /// Two names of one limit, each with another value.
    #[error(
        "`security.maxRequestSize` and `limits.maxRequestSize` are the same limit: send one of \
         them, or the same value"
    )]
    TwoSizes,
    /// A limit that can't be kept.
    #[error(transparent)]
    Limit(#[from] BadLimit),
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn change(change: Value) -> Result<Setup, String> {
        let change: ConnectionChange = serde_json::from_value(change).map_err(|e| e.to_string())?;
        change.setup(&Setup::default()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(body: Value, expect: &str) {
        assert_eq!(change(body).unwrap_err(), expect);
    }

    /// A rate below 25 requests a second starves clients (E-ENTRA-24).
    #[test]
    fn limits_say_how_to_mend_them() {
        let limit = |limits: Value| json!({ "limits": limits });
        refused(
            limit(json!({"rate": {"perSecond": 24, "burst": 500}})),
            "`rate.perSecond` can't be 24: use at least 25 requests a second, or no rate at all",
        );
        refused(
            limit(json!({"rate": {"perSecond": 100, "burst": 99}})),
            "`rate.burst` can't be 99: use at least 100, which is `rate.perSecond`",
        );
        refused(limit(json!({"pageMax": 1001})), "`pageMax` can't be 1001: use 1 to 1000");
        refused(limit(json!({"pageDefault": 0})), "`pageDefault` can't be 0: use 1 to 1000");
        refused(
            limit(json!({"pageDefault": 50, "pageMax": 20})),
            "`pageDefault` can't be 50: use 1 to 20, which is `pageMax`",
        );
        refused(
            limit(json!({"maxRequestSize": 100})),
            "`maxRequestSize` can't be 100: use 1024 to 104857600 bytes",
        );
        refused(
            limit(json!({"bulkPayload": 1_u64 << 40})),
            "`bulkPayload` can't be 1099511627776: use 1024 to 104857600 bytes",
        );
        refused(
            limit(json!({"bulkOperations": 0})),
            "`bulkOperations` can't be 0: use 1 to 100000",
        );
        let most = json!({"rate": {"perSecond": 25, "burst": 25}, "pageMax": 1000,
            "pageDefault": 1000, "maxRequestSize": 1024, "bulkOperations": 1});
        assert!(change(limit(most)).is_ok());
    }

    #[test]
    fn names_that_are_none_are_refused_with_those_there_are() {
        refused(
            json!({"capabilities": {"bluk": false}}),
            "no capability `bluk`: use asynchronous, bulk, cursor, etag, filter, patch, sort",
        );
        let error = change(json!({"switches": {"nope": true}})).unwrap_err();
        assert!(error.starts_with("no switch `nope`: use one of "), "{error}");
        let error = change(json!({"profil": "okta"})).unwrap_err();
        assert!(error.contains("unknown field `profil`"), "{error}");
        // What is not there can be taken away, so that a setup of another version can be mended.
        assert_eq!(change(json!({"switches": {"nope": null}})), Ok(Setup::default()));
    }

    #[test]
    fn what_is_left_out_stays_and_null_goes_back() {
        let change = |setup: &Setup, body: Value| {
            serde_json::from_value::<ConnectionChange>(body).unwrap().setup(setup).unwrap()
        };
        let body = json!({"profile": "okta", "switches": {"stringBooleans": false},
            "capabilities": {"sort": false}, "limits": {"pageMax": 10}});
        let set = change(&Setup::default(), body);
        assert_eq!(set.profile.name, Some(ProfileName::Okta));
        assert_eq!(set.profile.switches.get("stringBooleans"), Some(&false));
        assert_eq!((set.capabilities.sort, set.limits.page_max), (false, Some(10)));
        assert_eq!(change(&set, json!({})), set);
        let body = json!({"profile": null, "switches": {"stringBooleans": null},
            "capabilities": {"sort": null}, "limits": {"pageMax": null}});
        assert_eq!(change(&set, body), Setup::default());
    }

    #[test]
    fn what_cant_be_is_refused() {
        let error = change(json!({"status": null})).unwrap_err();
        assert!(error.contains("null"), "{error}");
        let sizes = |one: Value, other: Value| json!({"limits": {"maxRequestSize": one}, "security": {"maxRequestSize": other}});
        for (one, other) in [(json!(2048), json!(4096)), (json!(2048), Value::Null)] {
            let error = change(sizes(one, other)).unwrap_err();
            assert!(error.contains("the same limit"), "{error}");
        }
        let same = change(sizes(json!(2048), json!(2048))).unwrap();
        assert_eq!(same.limits.max_request_size, Some(2048));
    }

    /// What is kept today is read tomorrow.
    #[test]
    fn a_setup_is_read_back_as_it_was_written() {
        let body = json!({"profile": "entra", "limits": {"rate": {"perSecond": 50, "burst": 60}}});
        let setup = change(body).unwrap();
        let text = serde_json::to_string(&setup).unwrap();
        assert_eq!(serde_json::from_str::<Setup>(&text).unwrap(), setup);
        assert_eq!(serde_json::from_str::<Setup>("{}").unwrap(), Setup::default());
    }
}
