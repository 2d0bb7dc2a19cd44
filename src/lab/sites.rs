//! The lab's sample sites: the only place in the code that knows a product by name.

use std::net::Ipv4Addr;

/// One sample site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Name, also of its DNS domain and of its file.
    pub name: &'static str,
    /// Topology.
    pub topology: &'static str,
    /// Third octet of its addresses.
    net: u8,
    /// Whether remote agents go through a Proxy Agent, and the service reaches the domains by
    /// itself.
    proxy_agent: bool,
    /// A port that no listener opens, so that a failure is seen: host and port before the offset.
    pub shut: Option<(&'static str, u16)>,
}

/// All of them. Two for each topology, so that every row of the tables is in one of them.
pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "direct",
        topology: "direct",
        net: 1,
        proxy_agent: false,
        shut: Some(("dc-source", 636)),
    },
    Sample {
        name: "direct-proxy-agent",
        topology: "direct",
        net: 2,
        proxy_agent: true,
        shut: None,
    },
    Sample {
        name: "reverse-proxy",
        topology: "reverse-proxy",
        net: 3,
        proxy_agent: false,
        shut: None,
    },
    Sample {
        name: "reverse-proxy-agent",
        topology: "reverse-proxy",
        net: 4,
        proxy_agent: true,
        shut: None,
    },
];

impl Sample {
    /// Full name of one of the sample's hosts.
    pub fn host(&self, host: &str) -> String {
        format!("{host}.{}.example", self.name)
    }

    fn entry(&self, host: &str, last: u8) -> String {
        let address = Ipv4Addr::new(127, 77, self.net, last);
        format!("{{ name = \"{}\", addresses = [\"{address}\"] }}", self.host(host))
    }

    /// The site file.
    pub fn toml(&self, port_offset: u16, key: &str) -> String {
        // Remote Sync Agents in both domains, or none: each half of the directory tables is in one
        // of the samples.
        let mut roles = vec![
            ("psp-service", self.entry("psp", 10)),
            ("migration-agent", self.entry("ws-0417", 20)),
            ("password-agent", self.entry("agent-password", 32)),
            ("source-dc", self.entry("dc-source", 41)),
            ("target-dc", self.entry("dc-target", 51)),
            ("source-pdc", self.entry("pdc-source", 42)),
            ("target-pdc", self.entry("pdc-target", 52)),
        ];
        if self.topology == "reverse-proxy" {
            roles.push(("reverse-proxy", self.entry("proxy", 11)));
        }
        roles.push(("sync-agent", self.entry("agent-sync", 31)));
        let mut features = vec!["ldaps", "sid-history", "legacy-password-sync", "!entra-id"];
        if self.proxy_agent {
            roles.push(("proxy-agent", self.entry("agent-proxy", 33)));
            features.extend(["!source-sync-agent", "!target-sync-agent"]);
        }
        let features = features.iter().map(|f| format!("\"{f}\"")).collect::<Vec<_>>().join(", ");
        let roles =
            roles.iter().map(|(role, entry)| format!("{role:<15} = {entry}\n")).collect::<String>();
        let topology = self.topology;
        let name = self.name;
        format!(
            "# A whole site on this machine's loopback, made by `portmatrix lab`.\n\
             # Every port is shifted by port-offset, so that none needs a privilege.\n\n\
             [site]\nname        = \"lab-{name}\"\nproduct     = \"powersyncpro\"\ntopology    = \"{topology}\"\n\
             features    = [{features}]\nkey         = \"{key}\"\nport-offset = {port_offset}\n\n\
             [ranges]\nrpc-dynamic = \"30000-30999\"\n\n[roles]\n{roles}"
        )
    }
}
