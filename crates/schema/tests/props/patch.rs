//! PATCH against a naive model: a typed resource, changed by the words of the RFC.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rollcall_schema::{
    Accept, Base, Document, Instant, Link, PatchError, Patched, Profile, ResourceType, Schema,
    TypeDefinition, View, Violation, standard,
};
use serde_json::{Map, Value, json};

use super::{any_json, check_canonical};

const EXT: &str = "urn:m:Ext";

fn thing() -> &'static ResourceType {
    static THING: LazyLock<ResourceType> = LazyLock::new(|| {
        let schemas: Vec<Schema> = serde_json::from_value(json!([
            {"id": "urn:m:Thing", "attributes": [
                {"name": "title"},
                {"name": "flag", "type": "boolean"},
                {"name": "name", "type": "complex", "subAttributes": [
                    {"name": "first"}, {"name": "last"}]},
                {"name": "mails", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "value"}, {"name": "type"}, {"name": "display"},
                    {"name": "primary", "type": "boolean"}]},
                {"name": "tags", "multiValued": true},
                {"name": "members", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "value", "mutability": "immutable"},
                    {"name": "$ref", "type": "reference", "referenceTypes": ["Thing"], "mutability": "immutable"},
                    {"name": "type", "mutability": "immutable"}]}]},
            {"id": EXT, "attributes": [
                {"name": "dept"},
                {"name": "boss", "type": "complex", "subAttributes": [
                    {"name": "value"},
                    {"name": "$ref", "type": "reference", "referenceTypes": ["Thing"]}]}]}
        ]))
        .unwrap();
        let definition: TypeDefinition = serde_json::from_value(json!({
            "id": "Thing", "name": "Thing", "endpoint": "/Things", "schema": "urn:m:Thing",
            "schemaExtensions": [{"schema": EXT}]}))
        .unwrap();
        let schemas: Vec<_> = schemas.into_iter().map(Arc::new).collect();
        ResourceType::compile(&definition, &schemas).unwrap()
    });
    &THING
}

type Parts = BTreeMap<&'static str, Value>;
type Fault = &'static str;

const WRONG: Fault = "invalidValue";

/// The model: what a resource of [`thing`] holds.
#[derive(Clone, Debug, Default, PartialEq)]
struct Thing {
    title: Option<String>,
    flag: Option<bool>,
    name: Parts,
    mails: Vec<Parts>,
    tags: Vec<String>,
    dept: Option<String>,
    boss: Parts,
    members: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Add,
    Remove,
    Replace,
}

/// The filter of a value path on `mails`.
#[derive(Clone, Debug)]
enum Test {
    /// `and` of `eq`.
    All(Vec<(&'static str, Value)>),
    Differs(&'static str, &'static str),
    Has(&'static str),
    Either(&'static str, &'static str, &'static str),
}

#[derive(Clone, Debug)]
enum Aim {
    Title,
    Flag,
    Dept,
    Name,
    NamePart(&'static str),
    Boss,
    BossPart(&'static str),
    Extension,
    Mails,
    MailsPart(&'static str),
    Found(Test),
    FoundPart(Test, &'static str),
    Tags,
    TagsFound(&'static str),
    Members,
    MembersFound(Vec<&'static str>),
    Unknown,
}

#[derive(Clone, Debug)]
enum Ask {
    At(Verb, Aim, Value),
    NoPath(Verb, Vec<(Aim, Value)>),
}

// ---- Rendering: what the implementation is sent.

impl Test {
    fn text(&self) -> String {
        match self {
            Self::All(pairs) => {
                let pairs: Vec<_> =
                    pairs.iter().map(|(part, value)| format!("{part} eq {value}")).collect();
                pairs.join(" and ")
            }
            Self::Differs(part, text) => format!("{part} ne {}", json!(text)),
            Self::Has(part) => format!("{part} pr"),
            Self::Either(part, one, other) => {
                format!("{part} eq \"{one}\" or {part} eq \"{other}\"")
            }
        }
    }
}

impl Aim {
    fn path(&self) -> String {
        match self {
            Self::Title => "title".into(),
            Self::Flag => "FLAG".into(),
            Self::Dept => format!("{EXT}:dept"),
            Self::Name => "name".into(),
            Self::NamePart(part) => format!("name.{part}"),
            Self::Boss => format!("{EXT}:boss"),
            Self::BossPart(part) => format!("{EXT}:boss.{part}"),
            Self::Extension => EXT.to_lowercase(),
            Self::Mails => "mails".into(),
            Self::MailsPart(part) => format!("mails.{part}"),
            Self::Found(test) => format!("mails[{}]", test.text()),
            Self::FoundPart(test, part) => format!("mails[{}].{part}", test.text()),
            Self::Tags => "Tags".into(),
            Self::TagsFound(tag) => format!("tags[value eq \"{tag}\"]"),
            Self::Members => "members".into(),
            Self::MembersFound(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| format!("value eq \"{id}\"")).collect();
                format!("members[{}]", ids.join(" or "))
            }
            Self::Unknown => "nope.x".into(),
        }
    }
}

impl Ask {
    fn operation(&self) -> Value {
        match self {
            Self::At(verb, aim, value) => {
                json!({"op": format!("{verb:?}"), "path": aim.path(), "value": value})
            }
            Self::NoPath(verb, asks) => {
                let value: Map<_, _> =
                    asks.iter().map(|(aim, value)| (aim.path(), value.clone())).collect();
                json!({"op": format!("{verb:?}"), "value": value})
            }
        }
    }
}

// ---- The model.

fn is_blank(value: &Value) -> bool {
    value == ""
}

fn tidy(parts: &mut Parts) {
    if parts.values().all(is_blank) {
        parts.clear();
    }
}

/// A value for one simple attribute: to set, to clear, or nothing to do.
enum Simple {
    Set(Value),
    Clear,
    Nothing,
}

fn text(verb: Verb, value: &Value) -> Result<Simple, Fault> {
    match (verb, value) {
        (Verb::Remove, _) | (Verb::Replace, Value::Null) => Ok(Simple::Clear),
        (Verb::Replace, empty) if empty == "" => Ok(Simple::Clear),
        (Verb::Add, Value::Null) => Ok(Simple::Nothing),
        (_, Value::String(_)) => Ok(Simple::Set(value.clone())),
        _ => Err(WRONG),
    }
}

fn truth(verb: Verb, value: &Value) -> Result<Simple, Fault> {
    let word = value.as_str().map(str::to_lowercase);
    match (verb, value, word.as_deref()) {
        (Verb::Remove, ..) | (Verb::Replace, Value::Null, _) => Ok(Simple::Clear),
        (Verb::Add, Value::Null, _) => Ok(Simple::Nothing),
        (_, Value::Bool(_), _) => Ok(Simple::Set(value.clone())),
        (_, _, Some("true")) => Ok(Simple::Set(json!(true))),
        (_, _, Some("false")) => Ok(Simple::Set(json!(false))),
        _ => Err(WRONG),
    }
}

fn put_text(slot: &mut Option<String>, verb: Verb, value: &Value) -> Result<(), Fault> {
    match text(verb, value)? {
        Simple::Set(value) => *slot = value.as_str().map(str::to_owned),
        Simple::Clear => *slot = None,
        Simple::Nothing => {}
    }
    Ok(())
}

/// The writes that an object of parts asks for; unknown parts are ignored.
fn writes(
    known: &[&'static str],
    verb: Verb,
    object: &Map<String, Value>,
) -> Result<Vec<(&'static str, Option<Value>)>, Fault> {
    let mut writes = Vec::new();
    for (name, value) in object {
        let Some(part) = known.iter().find(|part| part.eq_ignore_ascii_case(name)) else {
            continue;
        };
        writes.extend(write(part, verb, value)?);
    }
    Ok(writes)
}

fn write(
    part: &'static str,
    verb: Verb,
    value: &Value,
) -> Result<Option<(&'static str, Option<Value>)>, Fault> {
    let simple = if part == "primary" { truth(verb, value) } else { text(verb, value) };
    Ok(match simple? {
        Simple::Set(value) => Some((part, Some(value))),
        Simple::Clear => Some((part, None)),
        Simple::Nothing => None,
    })
}

fn merge(parts: &mut Parts, writes: &[(&'static str, Option<Value>)]) {
    let before = parts.get("value").cloned();
    for (part, value) in writes {
        match value {
            Some(value) => drop(parts.insert(part, value.clone())),
            None => drop(parts.remove(part)),
        }
    }
    if parts.get("value") != before.as_ref() && !writes.iter().any(|(part, _)| *part == "$ref") {
        parts.remove("$ref");
    }
}

fn lone(value: &Value) -> &Value {
    match value.as_array().map(Vec::as_slice) {
        Some([one]) => one,
        _ => value,
    }
}

/// A singular complex value as a whole.
fn whole(
    parts: &mut Parts,
    known: &[&'static str],
    verb: Verb,
    value: &Value,
) -> Result<(), Fault> {
    let clears = verb == Verb::Remove || value.is_null() || value == "";
    match lone(value) {
        _ if clears && verb == Verb::Add => {}
        _ if clears => parts.clear(),
        Value::Object(object) => merge(parts, &writes(known, verb, object)?),
        Value::Null => {
            if verb == Verb::Replace {
                parts.clear();
            }
        }
        Value::Array(list) if list.is_empty() => {
            if verb == Verb::Replace {
                parts.clear();
            }
        }
        empty if empty == "" && known.contains(&"value") => {
            if verb == Verb::Replace {
                parts.clear();
            }
        }
        bare if bare.is_string() && known.contains(&"value") => {
            merge(parts, &[("value", Some(bare.clone()))]);
        }
        _ => return Err(WRONG),
    }
    tidy(parts);
    Ok(())
}

fn part(parts: &mut Parts, name: &'static str, verb: Verb, value: &Value) -> Result<(), Fault> {
    merge(parts, write(name, verb, value)?.as_slice());
    tidy(parts);
    Ok(())
}

const MAIL: [&str; 4] = ["value", "type", "display", "primary"];

/// An element as it is kept; none when it says nothing.
fn mail(value: &Value) -> Result<Option<Parts>, Fault> {
    let mut parts = Parts::new();
    match value {
        Value::Null => {}
        Value::Object(object) => merge(&mut parts, &writes(&MAIL, Verb::Add, object)?),
        Value::String(_) => drop(parts.insert("value", value.clone())),
        _ => return Err(WRONG),
    }
    tidy(&mut parts);
    Ok((!parts.is_empty()).then_some(parts))
}

fn listed(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn mails(value: &Value) -> Result<Vec<Parts>, Fault> {
    listed(value).iter().filter_map(|value| mail(value).transpose()).collect()
}

fn is_primary(mail: &Parts) -> bool {
    mail.get("primary") == Some(&json!(true))
}

fn only_primary(mails: &mut [Parts], last: usize) {
    for (at, mail) in mails.iter_mut().enumerate() {
        if is_primary(mail) && at != last {
            mail.insert("primary", json!(false));
        }
    }
}

fn same(one: &Parts, other: &Parts) -> bool {
    match (one.get("value"), other.get("value")) {
        (None, None) => one == other,
        (one_value, other_value) => {
            one_value == other_value && one.get("type") == other.get("type")
        }
    }
}

/// A list as it is sent: the first of equal elements stays, the last primary wins.
fn as_sent(sent: Vec<Parts>) -> Vec<Parts> {
    let mut list = distinct(sent);
    if let Some(last) = list.iter().rposition(is_primary) {
        only_primary(&mut list, last);
    }
    distinct(list)
}

fn distinct(list: Vec<Parts>) -> Vec<Parts> {
    let mut distinct: Vec<Parts> = Vec::new();
    for mail in list {
        if !distinct.iter().any(|kept| same(kept, &mail)) {
            distinct.push(mail);
        }
    }
    distinct
}

/// A list after some of its elements changed.
fn settled(list: Vec<(Parts, bool)>) -> Vec<Parts> {
    let mut joined: Vec<(Parts, bool)> = Vec::new();
    for (mail, changed) in list {
        if mail.values().all(is_blank) {
            continue;
        }
        match joined.iter_mut().find(|(kept, _)| same(kept, &mail)) {
            None => joined.push((mail, changed)),
            Some((kept, kept_changed)) => {
                for (part, value) in mail {
                    if changed || !kept.contains_key(part) {
                        kept.insert(part, value);
                    }
                }
                *kept_changed |= changed;
            }
        }
    }
    let last = joined.iter().rposition(|(mail, changed)| *changed && is_primary(mail));
    let mut list: Vec<_> = joined.into_iter().map(|(mail, _)| mail).collect();
    if let Some(last) = last {
        only_primary(&mut list, last);
    }
    distinct(list)
}

fn folds(one: &Value, other: &Value) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

impl Test {
    fn finds(&self, mail: &Parts) -> bool {
        let is =
            |part: &str, text: &str| mail.get(part).is_some_and(|held| folds(held, &json!(text)));
        match self {
            Self::All(pairs) => pairs
                .iter()
                .all(|(part, value)| mail.get(part).is_some_and(|held| folds(held, value))),
            Self::Differs(part, text) => !is(part, text),
            Self::Has(part) => mail.get(part).is_some_and(|held| !is_blank(held)),
            Self::Either(part, one, other) => is(part, one) || is(part, other),
        }
    }

    fn seed(&self) -> Option<Parts> {
        let Self::All(pairs) = self else { return None };
        let mut seed = Parts::new();
        for (part, value) in pairs {
            if seed.insert(part, value.clone()).is_some_and(|before| before != *value) {
                return None;
            }
        }
        Some(seed)
    }
}

impl Thing {
    fn ask(&mut self, ask: &Ask) -> Result<(), Fault> {
        match ask {
            Ask::At(verb, aim, value) => self.at(*verb, aim, value),
            Ask::NoPath(Verb::Remove, _) => Err("noTarget"),
            Ask::NoPath(verb, asks) => {
                asks.iter().try_for_each(|(aim, value)| self.at(*verb, aim, value))
            }
        }
    }

    fn at(&mut self, verb: Verb, aim: &Aim, value: &Value) -> Result<(), Fault> {
        match aim {
            Aim::Title => put_text(&mut self.title, verb, value),
            Aim::Dept => put_text(&mut self.dept, verb, value),
            Aim::Flag => {
                match truth(verb, value)? {
                    Simple::Set(value) => self.flag = value.as_bool(),
                    Simple::Clear => self.flag = None,
                    Simple::Nothing => {}
                }
                Ok(())
            }
            Aim::Name => whole(&mut self.name, &["first", "last"], verb, value),
            Aim::NamePart(name) => part(&mut self.name, name, verb, value),
            Aim::Boss => whole(&mut self.boss, &["value", "$ref"], verb, value),
            Aim::BossPart(name) => part(&mut self.boss, name, verb, value),
            Aim::Extension => self.extension(verb, value),
            Aim::Mails => self.mails(verb, value),
            Aim::MailsPart(part) => self.mails_part(part, verb, value),
            Aim::Found(test) => self.found(test, verb, value),
            Aim::FoundPart(test, part) => match write(part, verb, value)? {
                None => Ok(()),
                Some(write) => self.on_found(
                    test,
                    &|mail| merge(mail, std::slice::from_ref(&write)),
                    write.1.is_none(),
                ),
            },
            Aim::Tags => self.tags(verb, value),
            Aim::TagsFound(tag) => self.tags_found(tag, verb, value),
            Aim::Members => self.members(verb, value),
            Aim::MembersFound(ids) => self.members_found(ids, verb, value),
            Aim::Unknown => Ok(()),
        }
    }

    fn extension(&mut self, verb: Verb, value: &Value) -> Result<(), Fault> {
        match (verb, value) {
            (Verb::Remove, _) | (Verb::Replace, Value::Null) => {
                self.dept = None;
                self.boss.clear();
                Ok(())
            }
            (Verb::Add, Value::Null) => Ok(()),
            (_, Value::Object(object)) => {
                object.iter().try_for_each(|(name, value)| match &**name {
                    "boss" => self.at(verb, &Aim::Boss, value),
                    "dept" => self.at(verb, &Aim::Dept, value),
                    "boss.value" => self.at(verb, &Aim::BossPart("value"), value),
                    _ => Ok(()),
                })
            }
            _ => Err(WRONG),
        }
    }

    fn mails(&mut self, verb: Verb, value: &Value) -> Result<(), Fault> {
        let void = value.is_null() || value == "";
        match verb {
            Verb::Remove if value.is_null() => self.mails.clear(),
            Verb::Remove => {
                let unwanted = mails(value)?;
                let has_all = |mail: &Parts, unwanted: &Parts| {
                    unwanted
                        .iter()
                        .all(|(part, value)| mail.get(part).is_some_and(|held| folds(held, value)))
                };
                self.mails.retain(|mail| !unwanted.iter().any(|unwanted| has_all(mail, unwanted)));
            }
            Verb::Replace if void => self.mails.clear(),
            Verb::Add if void => {}
            Verb::Replace => self.mails = as_sent(mails(value)?),
            Verb::Add => {
                let new = as_sent(mails(value)?);
                if !new.is_empty() {
                    let old = self.mails.drain(..).map(|mail| (mail, false));
                    self.mails =
                        settled(old.chain(new.into_iter().map(|mail| (mail, true))).collect());
                }
            }
        }
        Ok(())
    }

    fn mails_part(&mut self, part: &'static str, verb: Verb, value: &Value) -> Result<(), Fault> {
        if verb == Verb::Remove && !value.is_null() {
            return Err(WRONG);
        }
        let Some(write) = write(part, verb, value)? else { return Ok(()) };
        let all = verb == Verb::Remove || self.mails.len() == 1;
        if self.mails.is_empty() && write.1.is_some() {
            self.mails.push(Parts::new());
        } else if !all && !self.mails.is_empty() && !self.mails.iter().any(is_primary) {
            return Err("invalidPath");
        }
        let alone = self.mails.len() == 1;
        let change = |mut mail: Parts| {
            let picked = all || alone || is_primary(&mail);
            if picked {
                merge(&mut mail, std::slice::from_ref(&write));
            }
            (mail, picked)
        };
        self.mails = settled(self.mails.drain(..).map(change).collect());
        Ok(())
    }

    fn found(&mut self, test: &Test, verb: Verb, value: &Value) -> Result<(), Fault> {
        let void = value.is_null() || value == "";
        if verb == Verb::Remove || (verb == Verb::Replace && void) {
            self.mails.retain(|mail| !test.finds(mail));
            return Ok(());
        }
        if void {
            return Ok(());
        }
        let value = lone(value);
        if verb == Verb::Add {
            let writes = match value {
                Value::Object(object) => writes(&MAIL, Verb::Add, object)?,
                bare => {
                    let parts = mail(bare)?.unwrap_or_default();
                    parts.into_iter().map(|(part, value)| (part, Some(value))).collect()
                }
            };
            return self.on_found(test, &|mail| merge(mail, &writes), writes.is_empty());
        }
        let new = mail(value)?.ok_or(WRONG)?;
        let kept: Vec<_> = test.seed().unwrap_or_default().into_keys().collect();
        let replace = |mail: &mut Parts| {
            let old = std::mem::replace(mail, new.clone());
            for (part, value) in old {
                if kept.contains(&part) {
                    mail.entry(part).or_insert(value);
                }
            }
        };
        self.on_found(test, &replace, false)
    }

    fn on_found(
        &mut self,
        test: &Test,
        change: &dyn Fn(&mut Parts),
        only_clears: bool,
    ) -> Result<(), Fault> {
        let found = self.mails.iter().any(|mail| test.finds(mail));
        if !found && only_clears {
            return Ok(());
        }
        let mut list: Vec<_> =
            self.mails.iter().map(|mail| (mail.clone(), test.finds(mail))).collect();
        if !found {
            list.push((test.seed().ok_or("noTarget")?, true));
        }
        list.iter_mut().filter(|(_, found)| *found).for_each(|(mail, _)| change(mail));
        self.mails = settled(list);
        Ok(())
    }

    fn tags(&mut self, verb: Verb, value: &Value) -> Result<(), Fault> {
        if value.is_null() || (verb == Verb::Replace && value == "") {
            if verb != Verb::Add {
                self.tags.clear();
            }
            return Ok(());
        }
        let sent = listed(value).iter().filter(|value| !value.is_null());
        let sent: Vec<String> = sent
            .map(|value| value.as_str().map(str::to_owned).ok_or(WRONG))
            .collect::<Result<_, _>>()?;
        match verb {
            Verb::Remove => {
                self.tags.retain(|tag| !sent.iter().any(|sent| sent.eq_ignore_ascii_case(tag)));
                return Ok(());
            }
            Verb::Replace => self.tags.clear(),
            Verb::Add => {}
        }
        self.tags.extend(sent);
        self.tidy_tags();
        Ok(())
    }

    fn tags_found(&mut self, wanted: &str, verb: Verb, value: &Value) -> Result<(), Fault> {
        let finds = |tag: &String| tag.eq_ignore_ascii_case(wanted);
        if verb == Verb::Remove || (verb == Verb::Replace && (value.is_null() || value == "")) {
            self.tags.retain(|tag| !finds(tag));
            return Ok(());
        }
        if value.is_null() {
            return Ok(());
        }
        let new = lone(value).as_str().ok_or(WRONG)?;
        if !self.tags.iter().any(finds) {
            self.tags.push(new.to_owned());
        }
        self.tags.iter_mut().filter(|tag| finds(tag)).for_each(|tag| new.clone_into(tag));
        self.tidy_tags();
        Ok(())
    }

    fn tidy_tags(&mut self) {
        let mut seen = Vec::new();
        self.tags.retain(|tag| {
            let new = !seen.contains(tag);
            seen.push(tag.clone());
            new
        });
    }

    fn members(&mut self, verb: Verb, value: &Value) -> Result<(), Fault> {
        match verb {
            Verb::Add if value.is_null() || value == "" => {}
            Verb::Remove if value == "" => {}
            Verb::Remove if value.is_null() => self.members.clear(),
            Verb::Replace if value == "" => self.members.clear(),
            Verb::Add => self.members.extend(ids(value)?),
            Verb::Remove => {
                let ids = ids(value)?;
                self.members.retain(|id| !ids.contains(id));
            }
            Verb::Replace => self.members = ids(value)?.into_iter().collect(),
        }
        Ok(())
    }

    fn members_found(&mut self, found: &[&str], verb: Verb, value: &Value) -> Result<(), Fault> {
        if verb == Verb::Remove || (verb == Verb::Replace && value.is_null()) {
            self.members.retain(|id| !found.contains(&id.as_str()));
            return Ok(());
        }
        if value.is_null() {
            return Ok(());
        }
        let silent = value.as_object().is_some_and(|parts| !parts.contains_key("value"));
        let sent = if silent { vec![found[0].to_owned()] } else { ids(value)? };
        if found.len() != 1 || sent != found {
            return Err("mutability");
        }
        self.members.extend(sent);
        Ok(())
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            let empty = value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty);
            if !value.is_null() && !empty {
                body.insert(name.into(), value);
            }
        };
        put("title", json!(self.title));
        put("flag", json!(self.flag));
        put("name", json!(self.name));
        put("mails", json!(self.mails));
        put("tags", json!(self.tags));
        let mut extension = Map::new();
        if let Some(dept) = &self.dept {
            extension.insert("dept".into(), json!(dept));
        }
        if !self.boss.is_empty() {
            extension.insert("boss".into(), json!(self.boss));
        }
        put(EXT, Value::Object(extension));
        Value::Object(body)
    }
}

fn ids(value: &Value) -> Result<Vec<String>, Fault> {
    let ids = listed(value).iter().filter(|value| !value.is_null()).map(|value| {
        let id = value.as_object().map_or(Some(value), |parts| parts.get("value"));
        id.and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned).ok_or(WRONG)
    });
    ids.collect()
}

// ---- Random requests.

fn word() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "A", "b", "c"])
}

fn a_text() -> BoxedStrategy<Value> {
    prop_oneof![
        12 => word().prop_map(Value::from),
        2 => Just(Value::Null),
        2 => Just(json!("")),
        1 => select(vec![json!(5), json!({})])
    ]
    .boxed()
}

fn a_truth() -> BoxedStrategy<Value> {
    let strange = vec![json!("True"), json!("FALSE"), Value::Null, json!("nope"), json!("")];
    prop_oneof![4 => any::<bool>().prop_map(Value::from), 1 => select(strange)].boxed()
}

fn an_object(parts: Vec<&'static str>) -> BoxedStrategy<Value> {
    let most = parts.len();
    subsequence(parts, 0..=most)
        .prop_flat_map(|parts| {
            let value = |part: &&'static str| match *part {
                "primary" => a_truth(),
                _ => a_text(),
            };
            let values: Vec<_> =
                parts.iter().map(|part| (Just((*part).to_owned()), value(part))).collect();
            values.prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
        })
        .boxed()
}

fn a_whole(parts: Vec<&'static str>) -> BoxedStrategy<Value> {
    let object = an_object(parts);
    prop_oneof![
        6 => object.clone(),
        1 => object.prop_map(|object| json!([object])),
        1 => a_text(),
        1 => a_text().prop_map(|text| json!([text])),
        1 => select(vec![json!([]), json!([{}, {}]), json!(true)])
    ]
    .boxed()
}

fn a_mail() -> BoxedStrategy<Value> {
    prop_oneof![8 => an_object(vec!["value", "type", "primary", "display", "nope"]), 1 => a_text()]
        .boxed()
}

fn a_list(element: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![6 => vec(element.clone(), 0..4).prop_map(Value::from), 2 => element].boxed()
}

fn a_test() -> BoxedStrategy<Test> {
    let part = || select(vec!["value", "type", "display"]);
    let pair = prop_oneof![
        5 => (part(), word().prop_map(Value::from)),
        1 => (Just("primary"), any::<bool>().prop_map(Value::from))
    ];
    prop_oneof![
        6 => vec(pair, 1..3).prop_map(Test::All),
        1 => (part(), word()).prop_map(|(part, text)| Test::Differs(part, text)),
        1 => select(MAIL.to_vec()).prop_map(Test::Has),
        1 => (part(), word(), word()).prop_map(|(part, one, other)| Test::Either(part, one, other))
    ]
    .boxed()
}

fn a_mail_part() -> BoxedStrategy<(&'static str, Value)> {
    select(MAIL.to_vec())
        .prop_flat_map(|part| (Just(part), if part == "primary" { a_truth() } else { a_text() }))
        .boxed()
}

fn an_id() -> BoxedStrategy<Value> {
    prop_oneof![
        6 => word().prop_map(|id| json!({"value": id, "type": "Thing"})),
        1 => word().prop_map(Value::from),
        1 => select(vec![Value::Null, json!(""), json!({}), json!(5)])
    ]
    .boxed()
}

fn an_aim() -> BoxedStrategy<(Aim, Value)> {
    let boss = || vec!["value", "$ref"];
    let extension =
        (a_whole(boss()), a_text(), subsequence(vec!["boss", "dept", "boss.value", "nope"], 0..=4));
    let extension = extension.prop_map(|(boss, text, keys)| {
        let value = |key: &str| if key == "boss" { boss.clone() } else { text.clone() };
        Value::Object(keys.into_iter().map(|key| (key.to_owned(), value(key))).collect())
    });
    let extension = prop_oneof![4 => extension, 1 => a_text()];
    prop_oneof![
        1 => a_text().prop_map(|value| (Aim::Title, value)),
        1 => a_truth().prop_map(|value| (Aim::Flag, value)),
        1 => a_text().prop_map(|value| (Aim::Dept, value)),
        2 => a_whole(vec!["first", "last", "nope"]).prop_map(|value| (Aim::Name, value)),
        1 => (select(vec!["first", "last"]), a_text()).prop_map(|(part, value)| (Aim::NamePart(part), value)),
        2 => a_whole(boss()).prop_map(|value| (Aim::Boss, value)),
        1 => (select(boss()), a_text()).prop_map(|(part, value)| (Aim::BossPart(part), value)),
        2 => extension.prop_map(|value| (Aim::Extension, value)),
        6 => a_list(a_mail()).prop_map(|value| (Aim::Mails, value)),
        3 => a_mail_part().prop_map(|(part, value)| (Aim::MailsPart(part), value)),
        4 => (a_test(), a_list(a_mail())).prop_map(|(test, value)| (Aim::Found(test), value)),
        5 => (a_test(), a_mail_part()).prop_map(|(test, (part, value))| (Aim::FoundPart(test, part), value)),
        3 => a_list(a_text()).prop_map(|value| (Aim::Tags, value)),
        2 => (word(), a_text()).prop_map(|(tag, value)| (Aim::TagsFound(tag), value)),
        3 => a_list(an_id()).prop_map(|value| (Aim::Members, value)),
        2 => (vec(word(), 1..3), an_id()).prop_map(|(ids, value)| (Aim::MembersFound(ids), value)),
        1 => a_text().prop_map(|value| (Aim::Unknown, value))
    ]
    .boxed()
}

fn an_ask() -> BoxedStrategy<Ask> {
    let verb = || select(vec![Verb::Add, Verb::Replace, Verb::Replace, Verb::Remove]);
    // Half of the removals come without a value, as they should.
    let at = (verb(), an_aim(), any::<bool>()).prop_map(|(verb, (aim, value), silent)| {
        let value = if verb == Verb::Remove && silent { Value::Null } else { value };
        Ask::At(verb, aim, value)
    });
    let keyed = (verb(), vec(an_aim(), 1..4)).prop_map(|(verb, asks)| {
        // Keys are unique, whatever their case, and come in their order.
        let by_key: BTreeMap<_, _> =
            asks.into_iter().map(|ask| (ask.0.path().to_lowercase(), ask)).collect();
        let by_key: BTreeMap<_, _> = by_key.into_values().map(|ask| (ask.0.path(), ask)).collect();
        Ask::NoPath(verb, by_key.into_values().collect())
    });
    prop_oneof![4 => at, 1 => keyed].boxed()
}

// ---- The implementation.

fn view<'a>(document: &'a Document, links: &'a [Link]) -> View<'a> {
    let at = Instant::from_millis(0);
    View { id: "t1", version: 1, created: at, modified: at, document, links, incoming: &[] }
}

fn patch(
    ty: &ResourceType,
    document: &Document,
    links: &[Link],
    body: Value,
    profile: &Profile,
) -> Result<Patched, PatchError> {
    ty.patch(body, profile)?.apply(ty, &view(document, links), profile)
}

fn scim_type(error: &PatchError) -> Fault {
    match error {
        PatchError::Path { .. } => "invalidPath",
        PatchError::NoTarget { .. } => "noTarget",
        PatchError::Violation { violation: Violation::Value(_), .. } => WRONG,
        PatchError::Violation { violation: Violation::Mutability(_), .. } => "mutability",
        _ => "?",
    }
}

fn links(ids: &BTreeSet<String>) -> Vec<Link> {
    let link = |id: &String| Link { id: id.clone(), kind: "Thing".into(), display: None };
    ids.iter().map(link).collect()
}

fn after(patched: &Patched, before: &BTreeSet<String>) -> BTreeSet<String> {
    let mut ids = before.clone();
    for change in &patched.links {
        if change.base == Base::Nothing {
            ids.clear();
        }
        ids.extend(change.add.iter().cloned());
        ids.retain(|id| !change.remove.contains(id));
    }
    ids
}

/// What PATCH makes of a canonical document is canonical: accepting it changes nothing.
fn check_stable(ty: &ResourceType, document: &Document) -> Result<(), TestCaseError> {
    check_canonical(ty, document)?;
    let replace = Accept::Replace { id: "t1", before: document };
    let body = Value::Object(document.body().clone());
    let accepted = ty.accept(body, replace, &Profile::GENERIC).map(|accepted| accepted.document);
    prop_assert_eq!(accepted.as_ref(), Ok(document));
    Ok(())
}

proptest! {
    /// R-PATCH-03, R-PATCH-20 to R-PATCH-48: a history of requests makes what the model makes.
    #[test]
    fn patch_equals_a_naive_model(history in vec(vec(an_ask(), 1..4), 1..8)) {
        let ty = thing();
        let mut model = Thing::default();
        for asks in history {
            let document = Document::from_stored(&model.body().to_string()).unwrap();
            let operations: Vec<_> = asks.iter().map(Ask::operation).collect();
            let body = json!({"schemas": [standard::PATCH_OP], "Operations": operations});
            let patched = patch(ty, &document, &links(&model.members), body, &Profile::GENERIC);
            let mut next = model.clone();
            match (patched, asks.iter().try_for_each(|ask| next.ask(ask))) {
                (Ok(patched), Ok(())) => {
                    prop_assert_eq!(after(&patched, &model.members), next.members.clone());
                    prop_assert_eq!(Value::Object(patched.document.body().clone()), next.body());
                    check_stable(ty, &patched.document)?;
                    model = next;
                }
                // Which of several faults is found first is nobody's business.
                (Err(error), Err(fault)) if asks.len() == 1 && matches!(asks[0], Ask::At(..)) => {
                    prop_assert_eq!(scim_type(&error), fault, "{}", error);
                }
                (Err(_), Err(_)) => {}
                (patched, modelled) => prop_assert!(false, "{patched:?} but the model says {modelled:?}"),
            }
        }
    }

    /// Whatever arrives, it is applied or refused, and what it makes is canonical.
    #[test]
    fn garbage_is_applied_or_refused(
        kind in 0usize..3,
        operations in vec((select(vec!["add", "remove", "replace", "Move"]), a_path(), any_json()), 1..5),
        body in any_json(),
        strict: bool,
    ) {
        let (ty, before) = match kind {
            0 => (&*standard::types()[0], json!({"userName": "u", "emails": [{"value": "a", "primary": true}]})),
            1 => (&*standard::types()[1], json!({"displayName": "g"})),
            _ => (thing(), json!({"mails": [{"value": "a"}, {"value": "b"}], "tags": ["a"]})),
        };
        let document = Document::from_stored(&before.to_string()).unwrap();
        let profile = if strict { Profile::STRICT } else { Profile::GENERIC };
        let links = links(&btree(["a", "b"]));
        let operation = |(op, path, value): &(&str, Option<String>, Value)| {
            json!({"op": op, "path": path, "value": value})
        };
        let list = operations.iter().map(operation).collect();
        let request = |list| json!({"schemas": [standard::PATCH_OP], "Operations": Value::Array(list)});
        let single = operations.iter().map(|one| request(vec![operation(one)]));
        for body in [body, request(list)].into_iter().chain(single) {
            if let Ok(patched) = patch(ty, &document, &links, body, &profile) {
                check_stable(ty, &patched.document)?;
            }
        }
    }

    /// R-E-20: removing listed members removes these and no others.
    #[test]
    fn removing_listed_members_removes_no_others(
        held in btree_set("[a-d]", 0..5),
        listed in btree_set("[a-f]", 0..5),
        shape in 0usize..3,
    ) {
        let elements: Vec<_> = listed.iter().map(|id| json!({"value": id})).collect();
        let value = match shape {
            0 => json!(elements),
            1 => json!(json!(elements).to_string()),
            _ => json!(listed),
        };
        let body = json!({"Operations": [{"op": "remove", "path": "members", "value": value}]});
        let patched = patch(thing(), &Document::default(), &links(&held), body, &Profile::GENERIC);
        let left = after(&patched.unwrap(), &held);
        prop_assert_eq!(left, held.difference(&listed).cloned().collect::<BTreeSet<_>>());
    }
}

fn btree<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.map(str::to_owned).into()
}

/// A path, or what looks like one.
fn a_path() -> BoxedStrategy<Option<String>> {
    let pieces = [
        "emails",
        "mails",
        "members",
        "name",
        "tags",
        "id",
        "schemas",
        "title",
        "manager",
        "boss",
        ".",
        "value",
        "$ref",
        "primary",
        "[",
        "]",
        "value eq \"a\"",
        "type eq \"b\"",
        " and ",
        " or ",
        "not (",
        ")",
        " pr",
        "true",
        standard::ENTERPRISE_USER,
        standard::USER,
        EXT,
        ":",
        "\u{0}",
        "ß",
    ];
    let pasted = vec(select(pieces.to_vec()), 1..7).prop_map(|pieces| pieces.concat());
    let known = vec![
        "emails[value eq \"a\"]",
        "emails[type eq \"b\"].value",
        "mails[value pr]",
        "tags[value eq \"a\"]",
        "members[value eq \"a\"]",
        "members[type eq \"User\"]",
        "mails.display",
        "name.familyName",
        "schemas",
        "addresses[type eq \"work\"]",
        "x509Certificates",
        "roles[primary eq \"True\"].value",
    ];
    let known = select(known).prop_map(str::to_owned);
    prop_oneof![3 => pasted.prop_map(Some), 3 => known.prop_map(Some), 1 => any::<String>().prop_map(Some), 1 => Just(None)]
        .boxed()
}
