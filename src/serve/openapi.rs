//! The description of the service in OpenAPI 3.1, which clients can be generated from.

/// The text, in JSON.
pub(super) fn description() -> String {
    include_str!("openapi.json").replace("{version}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value as Json;

    use super::*;
    use crate::routes;

    #[test]
    fn every_address_is_described_and_no_other() {
        let description: Json = serde_json::from_str(&description()).unwrap();
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
        let described: BTreeSet<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, routes::ALL.iter().map(|(path, _)| *path).collect());
    }
}
