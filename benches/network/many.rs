//! A domain with five mail exchangers, each with two addresses and each address with four ports.
//!
//! Knows where they are in the lab, and starts them. Must not know who calls.

use std::net::IpAddr;

use crate::lab::behaviour::Behaviour;
use crate::namespace::Namespace;
use crate::node::Node;
use crate::world::World;

/// The domain.
pub const DOMAIN: &str = "many.example";

const HOSTS: u8 = 5;

/// The ports, all of them open at every address.
pub const PORTS: [u16; 4] = [25, 465, 587, 2525];

/// The machine of all the exchangers.
pub struct Many {
    machine: Namespace,
    /// All addresses, those of one host beside each other.
    pub addresses: Vec<IpAddr>,
}

impl Many {
    /// Links it to the router before the lab's other mail servers, and starts the servers.
    pub fn join(world: &World) -> Result<Self, String> {
        let machine = Namespace::new().map_err(|error| format!("no network namespace: {error}"))?;
        let mut many = Self { machine, addresses: Vec::new() };
        many.link(world)?;
        let mut zone = String::new();
        for n in 1..=HOSTS {
            let host = format!("mx{n}.{DOMAIN}");
            zone.push_str(&format!("{DOMAIN} MX 10 {host}\n"));
            let [v4, v6] = addresses(n);
            zone.push_str(&format!("{host} A {v4}\n{host} AAAA {v6}\n"));
            for address in [v4, v6] {
                many.serve(world, address, &host)?;
                many.addresses.push(address);
            }
        }
        world.announce(&zone);
        Ok(many)
    }

    fn link(&self, world: &World) -> Result<(), String> {
        let edge = world.machine(Node::Edge);
        edge.ip(&format!(
            "link add name many type veth peer name edge netns {}\n\
             link set many up gso_max_segs 1\n\
             addr add 192.0.2.49/28 dev many\n\
             addr add 2001:db8:25:4::1/64 dev many nodad\n",
            self.machine.path()
        ))?;
        self.machine.set("ipv6/conf/all/disable_ipv6", "0")?;
        let mut commands = "link set lo up\nlink set edge up gso_max_segs 1\n".to_owned();
        for n in 1..=HOSTS {
            let [v4, v6] = addresses(n);
            commands
                .push_str(&format!("addr add {v4}/28 dev edge\naddr add {v6}/64 dev edge nodad\n"));
        }
        commands.push_str(
            "route add default via 192.0.2.49\n-6 route add default via 2001:db8:25:4::1\n",
        );
        self.machine.ip(&commands)
    }

    fn serve(&self, world: &World, address: IpAddr, host: &str) -> Result<(), String> {
        for port in PORTS {
            let behaviour = match port {
                25 => Behaviour::relay,
                465 => Behaviour::submissions,
                _ => Behaviour::submission as fn(_) -> _,
            };
            world
                .serve_in(&self.machine, (address, port), host, behaviour)
                .map_err(|error| format!("no server at {address}:{port}: {error}"))?;
        }
        Ok(())
    }
}

fn addresses(n: u8) -> [IpAddr; 2] {
    [[192, 0, 2, 49 + n].into(), [0x2001, 0xdb8, 0x25, 4, 0, 0, 0, 0x50 + u16::from(n)].into()]
}
