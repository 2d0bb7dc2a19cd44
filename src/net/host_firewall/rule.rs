//! A rule of Windows Defender Firewall as its registry keeps it ([MS-GPFAS] section 2.2.2.19), as
//! far as a program that listens for TCP needs it.

use std::ops::RangeInclusive;

/// TCP among the protocols of IP.
const TCP: &str = "6";

/// Any protocol, as the firewall's own interface counts (NET_FW_IP_PROTOCOL_ANY).
const ANY: &str = "256";

/// The kinds of networks, each with its own settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// A network in which a domain controller is found.
    Domain,
    /// One that somebody called private.
    Private,
    /// Any other.
    Public,
}

impl Network {
    /// All of them.
    pub const ALL: [Network; 3] = [Network::Domain, Network::Private, Network::Public];

    /// As in cmdlets.
    pub fn name(self) -> &'static str {
        match self {
            Network::Domain => "Domain",
            Network::Private => "Private",
            Network::Public => "Public",
        }
    }
}

/// What a rule does with what it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Lets it in.
    Allow,
    /// Keeps it out, whatever others allow.
    Block,
}

/// An inbound rule for TCP, or for all protocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as people see it; one that starts with `@` is looked up by Windows.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// Where it counts.
    pub networks: Vec<Network>,
    /// Ports; none means all.
    pub ports: Vec<RangeInclusive<u16>>,
    /// The program that it is for; none means every one.
    pub program: Option<String>,
    /// Whether it is for certain addresses only.
    pub is_partial: bool,
    /// Whether a group policy brought it.
    pub by_policy: bool,
}

impl Rule {
    /// Reads one; `None` where it is of no use to a program that listens for TCP: of another
    /// direction or protocol, for a service or an app, switched off, or bound to sign-ins.
    pub fn read(text: &str, by_policy: bool) -> Option<Rule> {
        let mut rule = Rule {
            name: String::new(),
            action: Action::Allow,
            networks: Vec::new(),
            ports: Vec::new(),
            program: None,
            is_partial: false,
            by_policy,
        };
        let (mut active, mut inbound, mut has_ports, mut for_some) = (false, false, false, false);
        for (name, value) in text.split('|').filter_map(|field| field.split_once('=')) {
            match name {
                "Action" => {
                    rule.action = match value {
                        "Allow" => Action::Allow,
                        "Block" => Action::Block,
                        // Around the rules, for who signs in by IPsec.
                        _ => return None,
                    }
                }
                "Active" => active = value.eq_ignore_ascii_case("true"),
                "Dir" => inbound = value == "In",
                "Protocol" if value != TCP && value != ANY => return None,
                "Profile" => {
                    for_some = true;
                    rule.networks.extend(Network::ALL.iter().find(|n| n.name() == value));
                }
                "LPort" | "LPort2_10" => {
                    has_ports = true;
                    rule.ports.extend(ports(value));
                }
                "App" if !value.eq_ignore_ascii_case("system") => rule.program = Some(value.into()),
                "App" | "Svc" | "AppPkgId" | "LUOwn" | "LUAuth" | "RUAuth" | "RMAuth" => {
                    return None;
                }
                "Security" | "Security2_9" => return None,
                "Name" => value.clone_into(&mut rule.name),
                // TCP or any, words, and what concerns other connections than those to an open port.
                "Protocol" | "Desc" | "EmbedCtxt" | "Edge" | "Defer" | "LSM" => {}
                // Addresses, interfaces, and what newer versions add: it fits some alone.
                _ => rule.is_partial = true,
            }
        }
        if !for_some {
            rule.networks = Network::ALL.to_vec();
        }
        // Ports in words, as `RPC`, are for the service that has them.
        (active && inbound && !rule.networks.is_empty() && (!has_ports || !rule.ports.is_empty()))
            .then_some(rule)
    }

    /// Whether it is about this port of a program.
    pub fn fits(&self, program: &str, port: u16, network: Network) -> bool {
        self.networks.contains(&network)
            && (self.ports.is_empty() || self.ports.iter().any(|run| run.contains(&port)))
            && self.program.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(program))
    }
}

fn ports(value: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = value.split_once('-').unwrap_or((value, value));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "v2.31|Action=Allow|Active=TRUE|Dir=In|";

    fn read(rest: &str) -> Option<Rule> {
        Rule::read(&format!("{BEGIN}{rest}"), false)
    }

    #[test]
    fn rules_are_read_as_windows_writes_them() {
        let rule = read(
            "Protocol=6|Profile=Domain|Profile=Private|LPort=80|LPort=443|LPort2_10=5000-5010|App=C:\\\
             Tools\\x.exe|Name=Web|Desc=words|",
        )
        .expect("a rule");
        assert_eq!((rule.name.as_str(), rule.action), ("Web", Action::Allow));
        for (port, network, fits) in [
            (80, Network::Domain, true),
            (5005, Network::Private, true),
            (5011, Network::Private, false),
            (443, Network::Public, false),
        ] {
            assert_eq!(rule.fits("c:\\tools\\X.EXE", port, network), fits, "{port} {network:?}");
        }
        assert!(!rule.fits("C:\\Other\\x.exe", 80, Network::Domain));
        assert!(read("Name=Everything|").expect("a rule").fits("any", 1, Network::Public));
        assert!(read("Protocol=256|").expect("a rule").fits("any", 1, Network::Domain));
        let newer = read("Protocol=6|Profile=Newer|Profile=Public|").expect("a rule");
        assert!(!newer.fits("any", 1, Network::Domain) && newer.fits("any", 1, Network::Public));
        let made_at_the_prompt =
            "Protocol=6|Profile=Public|App=C:\\x.exe|Name=x|Desc=x|Defer=User|";
        assert!(!read(made_at_the_prompt).expect("a rule").is_partial);
        for some in ["RA42=LocalSubnet", "IFType=Wireless", "RPort=80", "Newer=condition"] {
            assert!(read(&format!("Protocol=6|{some}|")).expect("a rule").is_partial, "{some}");
        }
    }

    #[test]
    fn rules_that_let_nothing_of_ours_in_are_left_out() {
        for rest in [
            "Protocol=17|LPort=389|",
            "Protocol=6|LPort=80|Profile=Elsewhere|",
            "Protocol=6|LPort=RPC|App=%SystemRoot%\\system32\\svchost.exe|",
            "Protocol=6|LPort=135|Svc=rpcss|",
            "Protocol=6|LPort=80|App=System|",
            "Protocol=6|LPort=80|AppPkgId=S-1-15-2-1|",
            "Protocol=6|LPort=80|Security=Authenticate|",
            "Protocol=6|LPort=80|RMAuth=O:LSD:(A;;CC;;;S-1-5-21)|",
        ] {
            assert_eq!(read(rest), None, "{rest}");
        }
        for whole in [
            "v2.31|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=80|",
            "v2.31|Action=Allow|Active=TRUE|Dir=Out|Protocol=6|LPort=80|",
            "v2.31|Action=ByPass|Active=TRUE|Dir=In|Protocol=6|",
            "",
            "nonsense",
        ] {
            assert_eq!(Rule::read(whole, false), None, "{whole}");
        }
    }
}
