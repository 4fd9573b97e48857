//! Reads file, environment and flags over the defaults and collects whatever is wrong.

use std::fs;

use toml::de::{DeTable, DeValue};

use super::{
    Error, NOT_SETTINGS, Settings, Sources,
    error::{bad_value, unknown},
    table::Key,
    value::Toml,
};

pub(super) fn load(sources: &Sources<'_>) -> Result<Settings, Error> {
    let mut loader = Loader::new();
    if let Some(file) = sources.file {
        let name = file.display().to_string();
        match fs::read_to_string(file) {
            Ok(text) => loader.file(&name, &text),
            Err(error) => loader.problems.push(format!("{name}: {error}")),
        }
    }
    for (name, value) in &sources.environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with("KITH_")) else { continue };
        if !NOT_SETTINGS.iter().any(|start| name.starts_with(start)) {
            loader.variable(name, value.to_str());
        }
    }
    for (path, value) in &sources.flags {
        let name = path.rsplit('.').next().unwrap_or(path);
        let key = loader.keys.iter().find(|key| key.path() == *path).cloned();
        let key = key.unwrap_or_else(|| panic!("a flag for {path}, which is no setting"));
        loader.set(&format!("--{name}"), &key, value.to_str());
    }
    loader.finish()
}

struct Loader {
    settings: Settings,
    keys: Vec<Key>,
    problems: Vec<String>,
}

impl Loader {
    fn new() -> Self {
        let mut settings = Settings::default();
        let keys = settings.sections().into_iter().flat_map(|(name, section)| section.keys(name)).collect();
        Self { settings, keys, problems: Vec::new() }
    }

    fn file(&mut self, file: &str, text: &str) {
        let place = |at: usize| {
            let before = text.get(..at).unwrap_or_default();
            format!("{file}:{}", before.matches('\n').count() + 1)
        };
        let document = match DeTable::parse(text) {
            Ok(document) => document.into_inner(),
            Err(error) => {
                let place = error.span().map_or(file.to_owned(), |span| place(span.start));
                return self.problems.push(format!("{place}: no TOML: {}", error.message()));
            }
        };
        let sections: Vec<_> = self.settings.sections().iter().map(|(name, _)| (*name).to_owned()).collect();
        for (section, content) in document {
            let place_of_section = place(section.span().start);
            let section = section.into_inner();
            if !sections.contains(&section.to_string()) {
                self.problems.push(unknown(&place_of_section, "section", "", &section, &sections));
                continue;
            }
            let DeValue::Table(content) = content.into_inner() else {
                self.problems
                    .push(format!("{place_of_section}: expected the section [{section}], found a value"));
                continue;
            };
            for (name, value) in content {
                let place = place(name.span().start);
                let path = format!("{section}.{}", name.into_inner());
                let Some(key) = self.keys.iter().find(|key| key.path() == path).cloned() else {
                    let in_section = |key: &&Key| key.section == section;
                    let known: Vec<_> = self.keys.iter().filter(in_section).map(Key::path).collect();
                    self.problems.push(unknown(&place, "key", &format!("{section}."), &path, &known));
                    continue;
                };
                match text_of(value.get_ref(), key.toml) {
                    Some(text) => self.set(&place, &key, Some(&text)),
                    None => {
                        let found = text.get(value.span()).unwrap_or("something else");
                        self.problems.push(bad_value(&place, &key, found));
                    }
                }
            }
        }
    }

    fn variable(&mut self, name: &str, value: Option<&str>) {
        let Some(key) = self.keys.iter().find(|key| key.variable() == name).cloned() else {
            let known: Vec<_> = self.keys.iter().map(Key::variable).collect();
            return self.problems.push(unknown("environment", "setting", "KITH_", name, &known));
        };
        self.set(name, &key, value);
    }

    /// None is text that is no Unicode.
    fn set(&mut self, place: &str, key: &Key, text: Option<&str>) {
        let mut sections = self.settings.sections().into_iter();
        let (_, section) = sections.find(|(name, _)| *name == key.section).expect("a key's section");
        if !text.is_some_and(|text| section.set(key.name, text)) {
            let found = text.map_or("text that is no Unicode".to_owned(), |text| format!("{text:?}"));
            self.problems.push(bad_value(place, key, &found));
        }
    }

    fn finish(mut self) -> Result<Settings, Error> {
        // What one source got wrong would only show up again here.
        if self.problems.is_empty() {
            for (name, section) in self.settings.sections() {
                let conflicts = section.conflicts().into_iter();
                self.problems.extend(conflicts.map(|(key, why)| format!("{name}.{key} {why}")));
            }
        }
        if self.problems.is_empty() { Ok(self.settings) } else { Err(Error(self.problems)) }
    }
}

/// The text form of a TOML value, when it is written as the key wants it.
fn text_of(value: &DeValue<'_>, kind: Toml) -> Option<String> {
    match (value, kind) {
        (DeValue::String(text), Toml::Text) => Some(text.to_string()),
        (DeValue::Boolean(switch), Toml::Switch) => Some(switch.to_string()),
        (DeValue::Integer(number), Toml::Number) => {
            i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        _ => None,
    }
}
