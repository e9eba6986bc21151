//! Everybody, found by id and by name. Large simulations have tens of thousands of people.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::person::Person;

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Person>", into = "Vec<Person>")]
pub(crate) struct People {
    /// By `ig_user_id`.
    by_id: BTreeMap<String, Person>,
    /// `ig_user_id` by username, and by app-scoped id.
    id_of_username: HashMap<String, String>,
    id_of_app_scoped: HashMap<String, String>,
}

impl From<Vec<Person>> for People {
    fn from(list: Vec<Person>) -> Self {
        let mut people = Self::default();
        for person in list {
            people.put(person);
        }
        people
    }
}

impl From<People> for Vec<Person> {
    fn from(people: People) -> Self {
        people.by_id.into_values().collect()
    }
}

impl People {
    pub(crate) fn by_id(&self, ig_user_id: &str) -> Option<&Person> {
        self.by_id.get(ig_user_id)
    }

    pub(crate) fn by_username(&self, username: &str) -> Option<&Person> {
        self.by_id(self.id_of_username.get(username)?)
    }

    /// In the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.by_id.values()
    }

    /// Whether somebody with another name has one of these ids.
    pub(crate) fn has_ids_of_another(&self, person: &Person) -> bool {
        let with_scoped = self.id_of_app_scoped.get(&person.app_scoped_id);
        let holders = [Some(&person.ig_user_id), with_scoped];
        holders
            .into_iter()
            .flatten()
            .filter_map(|id| self.by_id(id))
            .any(|holder| holder.username != person.username)
    }

    /// Adds a person, or puts them in the place of whoever has their id.
    pub(crate) fn put(&mut self, person: Person) {
        let id = person.ig_user_id.clone();
        if let Some(before) = self.by_id.get(&id) {
            self.id_of_username.remove(&before.username);
        }
        self.id_of_username
            .insert(person.username.clone(), id.clone());
        self.id_of_app_scoped
            .insert(person.app_scoped_id.clone(), id.clone());
        self.by_id.insert(id, person);
    }
}
