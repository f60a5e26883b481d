//! The command `network` in the same worlds.

use super::refusals::reset_at;
use super::silence::dropped;
use crate::case::Case;
use crate::filter::{Hook, What};
use crate::harness::Checked;
use crate::node::Node;
use crate::world::World;

pub(super) fn cases() -> Vec<Case> {
    let asked = |name: &str, case: Case, also| Case { name: name.to_owned(), also, ..case };
    vec![
        asked("nothing is filtered, the network asked", Case::healthy(), |world, _| {
            Asked::about(world, "25,465,587")?.is(0, &["open", "open", "open"])
        }),
        asked(
            "isp: 25 dropped, the network asked",
            dropped(Node::Isp, Hook::Forward),
            |world, _| {
                let asked = Asked::about(world, "25,587")?;
                asked.is(1, &["blocked", "open"])?;
                asked.blocked("your-network silence certain 2")
            },
        ),
        asked(
            "client: own 25 dropped, the network asked",
            dropped(Node::Client, Hook::Output),
            |world, _| {
                let asked = Asked::about(world, "25,587")?;
                asked.is(1, &["blocked", "open"])?;
                asked.blocked("this-host silence likely")
            },
        ),
        // The controls are not behind it.
        asked(
            "edge: 25 dropped, the network asked",
            dropped(Node::Edge, Hook::Forward),
            |world, _| Asked::about(world, "25")?.is(0, &["open"]),
        ),
        asked(
            "home: 25 taken by its proxy, the network asked",
            super::proxies::taken(What::Redirect),
            |world, _| {
                let asked = Asked::about(world, "25,587")?;
                asked.is(1, &["blocked", "open"])?;
                asked.blocked("your-network intercepted certain")
            },
        ),
        asked("isp: 25 reset, the network asked", reset_at(Node::Isp), |world, _| {
            let asked = Asked::about(world, "25,587")?;
            asked.is(1, &["blocked", "open"])?;
            asked.blocked("your-network reset certain 2")
        }),
    ]
}

/// What `smtpcheck network` ends with, and what it says.
struct Asked {
    exit: i32,
    network: serde_json::Value,
}

impl Asked {
    fn about(world: &World, ports: &str) -> Result<Self, String> {
        let mut arguments = world.options();
        arguments.push(format!("--resolver={}", Case::healthy().resolver));
        arguments.extend(["--format=json", "network", "-p", ports].map(str::to_owned));
        let output = world.smtpcheck(&arguments).map_err(|error| error.to_string())?;
        let seen: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let checked = Checked::read(&seen, &output);
        Ok(Self { exit: checked.exit, network: checked.report["network"].clone() })
    }

    fn ports(&self) -> &[serde_json::Value] {
        self.network["ports"].as_array().map_or(&[], Vec::as_slice)
    }

    fn is(&self, exit: i32, outbound: &[&str]) -> Result<(), String> {
        let found: Vec<&str> =
            self.ports().iter().filter_map(|port| port["outbound"].as_str()).collect();
        match self.exit == exit && found == outbound {
            true => Ok(()),
            false => {
                Err(format!("it ends with {} and says {found:?}:\n{:#}", self.exit, self.network))
            }
        }
    }

    /// Who blocks the first port, how, how sure that is, and after which hop.
    fn blocked(&self, expected: &str) -> Result<(), String> {
        let block = &self.ports()[0]["block"];
        let words = ["by", "how", "confidence"].map(|key| block[key].as_str().unwrap_or_default());
        let hop = block["hop"].as_u64().map_or(String::new(), |hop| format!(" {hop}"));
        let found = format!("{}{hop}", words.join(" "));
        match found == expected {
            true => Ok(()),
            false => Err(format!("it is blocked by {found}, not {expected}:\n{:#}", self.network)),
        }
    }
}
