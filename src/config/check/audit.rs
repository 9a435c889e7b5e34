//! Mistakes in `[[audit.destinations]]`.

use std::collections::BTreeSet;

use super::Found;
use crate::{files, serve};

impl Found<'_> {
    pub(super) fn audit_destinations(&mut self) {
        let mut names = BTreeSet::new();
        for (index, one) in self.loaded.config.audit.destinations.iter().enumerate() {
            let name = if one.name.is_empty() {
                Some("name must not be empty".to_owned())
            } else {
                let taken = !names.insert(one.name.as_str());
                taken.then(|| format!("name {:?} is the name of another destination", one.name))
            };
            if let Some(text) = name {
                self.at(self.line(LIST, index, "name"), &text);
            }
            let before = self.mistakes.len();
            if let Some(file) = &one.ca_file {
                self.usable(file, false, |path| serve::trusted(path).map(drop));
            }
            match (&one.certificate_file, &one.private_key_file) {
                (Some(certificate), Some(key)) => {
                    self.usable(certificate, false, |path| serve::trusted(path).map(drop));
                    self.usable(key, true, |path| files::read_secret(path).map(drop));
                }
                (Some(alone), None) | (None, Some(alone)) => {
                    let text = "certificate_file and private_key_file belong together";
                    self.at(alone.span().start, text);
                }
                (None, None) => {}
            }
            if self.mistakes.len() > before {
                continue;
            }
            let address = self.line(LIST, index, "address");
            if serve::audit::host_and_port(&one.address).is_none() {
                let text = format!("address of {} {}", one.name, serve::audit::HOST_AND_PORT);
                self.at(address, &text);
            } else if let Err(error) = serve::audit::receiver(self.loaded, one) {
                let text = format!("destination {}: {error:#}", one.name);
                self.at(address, &text);
            }
        }
    }
}

const LIST: &str = "audit.destinations";
