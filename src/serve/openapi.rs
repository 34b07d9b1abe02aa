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

    /// The guard refuses at every address, and a fault may be at any: a client can read that too.
    #[test]
    fn what_is_not_described_for_an_address_is_a_problem() {
        let description: Json = serde_json::from_str(&description()).unwrap();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let other = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
                assert_eq!(other["$ref"], "#/components/schemas/Problem", "{method} {path}");
            }
        }
    }
}
