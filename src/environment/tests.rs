//! The data is complete, every row is recognised, and what only looks like one is not.

use std::collections::BTreeSet;

use super::*;

/// Marks in one line: `sys_vendor=Hetzner`, `$CIRCLECI=true`, `/.dockerenv`.
fn marks(words: &[&str]) -> Marks {
    let mut marks = Marks::default();
    for word in words {
        match word.split_once('=') {
            None => {
                assert!(word.starts_with('/'), "{word}");
                marks.files.insert((*word).to_owned());
            }
            Some((name, value)) => {
                let (map, name) = match name.strip_prefix('$') {
                    Some(variable) => (&mut marks.variables, variable),
                    None => (&mut marks.machine, name),
                };
                map.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    marks
}

fn recognised(words: &[&str]) -> Option<&'static str> {
    recognise(&marks(words)).map(|provider| provider.id.as_str())
}

fn is_month(text: &str) -> bool {
    let digits = |part: &str, count: usize| {
        part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let Some((year, month)) = text.split_once('-') else { return false };
    digits(year, 4) && year >= "2020" && digits(month, 2) && ("01"..="12").contains(&month)
}

fn is_kebab_case(id: &str) -> bool {
    id.split('-').all(|word| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

fn is_sentences(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.ends_with('.') && text.trim() == text
}

#[test]
fn ids_are_unique_and_kebab_case() {
    let mut seen = BTreeSet::new();
    for provider in PROVIDERS.iter() {
        assert!(is_kebab_case(&provider.id), "{}", provider.id);
        assert!(seen.insert(&provider.id), "{} is there twice", provider.id);
        assert_eq!(super::provider(&provider.id).map(|p| &p.name), Some(&provider.name));
    }
    assert!(super::provider("no-such-cloud").is_none());
}

#[test]
fn every_row_is_complete_and_dated() {
    for provider in PROVIDERS.iter() {
        let id = &provider.id;
        assert!(!provider.name.is_empty(), "{id}");
        assert!(is_month(&provider.checked), "{id}: {}", provider.checked);
        assert!(!provider.sources.is_empty(), "{id}");
        for source in &provider.sources {
            assert!(source.starts_with("https://") && !source.contains(' '), "{id}: {source}");
        }
        // Without a policy only a container may be, and it always is.
        assert_eq!(provider.policy.is_none(), provider.kind == Kind::Container, "{id}");
        let Some(policy) = &provider.policy else { continue };
        assert!(!policy.blocks.is_empty() && policy.blocks.is_sorted(), "{id}");
        for port in policy.blocks.iter().chain(&policy.open) {
            assert!([25, 465, 587, 2525].contains(port), "{id}: {port} is no mail port");
        }
        for port in &policy.open {
            assert!(!policy.blocks.contains(port), "{id}: {port} is both blocked and open");
        }
        for port in &policy.blocks {
            assert!(policy.says.contains(&port.to_string()), "{id}: {port} goes unmentioned");
        }
        assert!(is_sentences(&policy.says), "{id}: {}", policy.says);
        assert!(is_sentences(&policy.lift), "{id}: {}", policy.lift);
    }
}

#[test]
fn a_month_is_told_from_what_is_none() {
    assert!(is_month("2026-08"));
    for text in ["2026", "2026-13", "2026-00", "2026-8", "2026-08-01", "08-2026", "20x6-08", ""] {
        assert!(!is_month(text), "{text}");
    }
}

/// What is seen on the real machines, besides what gives them away.
#[test]
fn every_environment_is_recognised() {
    let cases: &[(&str, &[&str])] = &[
        ("github-actions", &["$GITHUB_ACTIONS=true", "$RUNNER_ENVIRONMENT=github-hosted"]),
        (
            "gitlab-ci",
            &[
                "$GITLAB_CI=true",
                "$CI_RUNNER_DESCRIPTION=4-green.saas-linux-small-amd64.runners-manager.gitlab.com/default",
            ],
        ),
        ("circleci", &["$CIRCLECI=true"]),
        (
            "aws-lambda",
            &[
                "$AWS_LAMBDA_FUNCTION_NAME=tickets",
                "$AWS_LAMBDA_LOG_STREAM_NAME=2024/10/06/[$LATEST]2263ff70320b4ed09fd27a7dead39106",
            ],
        ),
        ("render", &["$RENDER=true", "$RENDER_SERVICE_ID=srv-c0ffee"]),
        ("railway", &["$RAILWAY_REPLICA_ID=2f3a4b5c"]),
        ("gitpod", &["$GITPOD_WORKSPACE_ID=gitpodio-template-abc"]),
        ("cpanel", &["/usr/local/cpanel"]),
        ("aws-ec2", &["sys_vendor=Amazon EC2", "product_name=t3.micro", "bios_vendor=Amazon EC2"]),
        ("aws-ec2", &["sys_vendor=Xen", "hypervisor_uuid=ec2e1916-9099-7caf-fd21-012345abcdef"]),
        ("aws-ec2", &["$AWS_EXECUTION_ENV=AWS_ECS_FARGATE"]),
        ("google-cloud", &["sys_vendor=Google", "product_name=Google Compute Engine"]),
        (
            "azure",
            &[
                "sys_vendor=Microsoft Corporation",
                "product_name=Virtual Machine",
                "chassis_asset_tag=7783-7084-3265-9085-8269-3286-77",
            ],
        ),
        ("azure", &["$WEBSITE_INSTANCE_ID=0f1e2d", "$WEBSITE_SITE_NAME=shop"]),
        ("digitalocean", &["sys_vendor=DigitalOcean", "product_name=Droplet"]),
        ("hetzner-cloud", &["sys_vendor=Hetzner", "product_name=vServer"]),
        ("akamai-linode", &["sys_vendor=Linode", "product_name=Compute Instance"]),
        ("akamai-linode", &["sys_vendor=Akamai", "product_name=Compute Instance"]),
        ("vultr", &["sys_vendor=Vultr", "product_name=VC2"]),
        ("vultr", &["/etc/vultr"]),
        ("oracle-cloud", &["sys_vendor=QEMU", "chassis_asset_tag=OracleCloud.com"]),
        ("scaleway", &["sys_vendor=Scaleway", "product_name=SCW-DEV1-S"]),
        ("scaleway", &["/var/run/scaleway"]),
        ("alibaba-cloud", &["sys_vendor=Alibaba Cloud", "product_name=Alibaba Cloud ECS"]),
        ("kubernetes", &["$KUBERNETES_SERVICE_HOST=10.96.0.1"]),
        ("docker", &["/.dockerenv"]),
        ("podman", &["/run/.containerenv"]),
        ("podman", &["$container=podman"]),
        ("lxc", &["/dev/lxd/sock"]),
        ("lxc", &["/dev/incus/sock"]),
        ("lxc", &["$container=lxc"]),
        ("wsl", &["$WSL_DISTRO_NAME=Debian"]),
        ("wsl", &["/proc/sys/fs/binfmt_misc/WSLInterop"]),
    ];
    for (id, words) in cases {
        assert_eq!(recognised(words), Some(*id), "{words:?}");
    }
    // As many as there are in the data: each way of a row has its case.
    for provider in PROVIDERS.iter() {
        let tried = cases.iter().filter(|(id, _)| *id == provider.id).count();
        assert_eq!(tried, provider.marks.len(), "{}", provider.id);
    }
    let unmarked: Vec<&str> = PROVIDERS
        .iter()
        .filter(|provider| provider.marks.is_empty())
        .map(|provider| provider.id.as_str())
        .collect();
    assert_eq!(unmarked, ["ovhcloud"]);
}

#[test]
fn no_mark_is_empty_and_fits_everywhere() {
    for provider in PROVIDERS.iter() {
        assert!(!provider.marks.iter().any(|mark| mark.fits(&Marks::default())), "{}", provider.id);
    }
}

#[test]
fn what_only_looks_like_it_is_not() {
    let cases: &[&[&str]] = &[
        &[],
        // Many providers' machines, OVHcloud's among them.
        &["sys_vendor=OpenStack Foundation", "product_name=OpenStack Nova"],
        &["sys_vendor=QEMU", "product_name=Standard PC (Q35 + ICH9, 2009)", "bios_vendor=SeaBIOS"],
        &["sys_vendor=Dell Inc.", "product_name=PowerEdge R640", "bios_vendor=Dell Inc."],
        // Hyper-V at home.
        &["sys_vendor=Microsoft Corporation", "product_name=Virtual Machine"],
        // Chromebooks.
        &["sys_vendor=Google", "product_name=Eve"],
        &["sys_vendor=Xen", "hypervisor_uuid=7d2c0000-0000-0000-0000-000000000000"],
        // Self-hosted runners.
        &["$GITHUB_ACTIONS=true", "$RUNNER_ENVIRONMENT=self-hosted"],
        &["$GITHUB_ACTIONS=true"],
        &["$GITLAB_CI=true", "$CI_RUNNER_DESCRIPTION=build-1.example.com"],
        &["$GITLAB_CI=true"],
        // Local emulators.
        &["$AWS_LAMBDA_FUNCTION_NAME=test_function", "$AWS_LAMBDA_LOG_STREAM_NAME=$LATEST"],
        // Credentials for deploying, on whichever machine.
        &["$RENDER_SERVICE_ID=srv-c0ffee"],
        &["$RENDER=true"],
        &["$RAILWAY_PROJECT_ID=1", "$RAILWAY_ENVIRONMENT_ID=2", "$RAILWAY_SERVICE_ID=3"],
        // Knative.
        &["$K_SERVICE=shop"],
        // Unset, as shells without `unset` do it.
        &["$GITPOD_WORKSPACE_ID="],
        &["$CIRCLECI=false"],
    ];
    for words in cases {
        assert_eq!(recognised(words), None, "{words:?}");
    }
}

#[test]
fn the_nearest_to_the_program_wins() {
    let azure = "chassis_asset_tag=7783-7084-3265-9085-8269-3286-77";
    let ec2 = "sys_vendor=Amazon EC2";
    let cases: &[(&str, &[&str])] = &[
        // A container sees its host's firmware, and leaves through its network.
        ("aws-ec2", &[ec2, "/.dockerenv"]),
        ("aws-ec2", &[ec2, "$KUBERNETES_SERVICE_HOST=10.100.0.1", "/.dockerenv"]),
        // A job in a container of a hosted runner.
        (
            "github-actions",
            &[azure, "/.dockerenv", "$GITHUB_ACTIONS=true", "$RUNNER_ENVIRONMENT=github-hosted"],
        ),
        // A self-hosted runner is the machine that it runs on.
        ("aws-ec2", &[ec2, "$GITHUB_ACTIONS=true", "$RUNNER_ENVIRONMENT=self-hosted"]),
        ("docker", &["/.dockerenv", "$GITLAB_CI=true", "$CI_RUNNER_DESCRIPTION=ours"]),
        // A platform in somebody's cloud.
        (
            "render",
            &[ec2, "$RENDER=true", "$RENDER_SERVICE_ID=srv-1", "$KUBERNETES_SERVICE_HOST=1"],
        ),
        ("gitpod", &["product_name=Google Compute Engine", "$GITPOD_WORKSPACE_ID=a"]),
        // Its customers can ask the hosting company, and not the cloud that it rents.
        ("cpanel", &[ec2, "/usr/local/cpanel"]),
        ("circleci", &["$CIRCLECI=true", "$RAILWAY_REPLICA_ID=1"]),
        // Equals: the first of the data.
        ("kubernetes", &["/.dockerenv", "$KUBERNETES_SERVICE_HOST=10.96.0.1"]),
        ("docker", &["/.dockerenv", "$WSL_DISTRO_NAME=Debian"]),
    ];
    for (id, words) in cases {
        assert_eq!(recognised(words), Some(*id), "{words:?}");
    }
    let kinds = [Kind::Ci, Kind::Platform, Kind::Hosting, Kind::Cloud, Kind::Container];
    assert!(kinds.is_sorted());
}

#[test]
fn advice_is_for_blocked_ports_only() {
    for provider in PROVIDERS.iter() {
        for port in [25, 465, 587, 2525, 443] {
            let blocks = provider.policy.as_ref().is_some_and(|p| p.blocks.contains(&port));
            assert_eq!(provider.advice(port).is_some(), blocks, "{} {port}", provider.id);
        }
    }
}

#[test]
fn advice_says_what_whom_where_and_since_when() {
    let advice = |id: &str, port| super::provider(id).and_then(|provider| provider.advice(port));
    assert_eq!(
        advice("hetzner-cloud", 25).as_deref(),
        Some(
            "Hetzner blocks outgoing ports 25 and 465 of cloud servers by default. A month after the \
             account was opened, and with the first invoice paid, send a limit request with the use \
             case in the Hetzner Console. For sending, use a mail service on port 587, which this \
             leaves open. Policy as of 2026-09, documented by the provider: \
             https://docs.hetzner.com/cloud/servers/faq/"
        )
    );
    let actions = advice("github-actions", 25).expect("it is known to block 25");
    assert!(actions.contains("Policy as of 2026-08, inferred, not documented: "), "{actions}");
    let circle = advice("circleci", 25).expect("it is known to block 25");
    assert!(circle.contains("Policy as of 2026-08, reported by others: "), "{circle}");
    let railway = advice("railway", 587).expect("it is known to block 587");
    assert!(
        railway.contains("HTTPS") && !railway.contains("use a mail service on port"),
        "{railway}"
    );
    let google = advice("google-cloud", 25).expect("it is known to block 25");
    assert!(google.contains("on port 587 or 465, which"), "{google}");
}
