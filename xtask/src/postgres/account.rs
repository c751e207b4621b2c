//! Who the server runs as: PostgreSQL refuses to run as root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// Accounts that may run the server for root, by preference.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// The account the server's programs run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// Our own.
    Own,
    /// An unprivileged one, since ours is root's.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Our own account, or for root the first of [`NAMES`] that exists.
    pub(super) fn choose() -> Result<Self> {
        if workspace::output(Command::new("id").arg("-u"))?.trim() != "0" {
            return Ok(Self::Own);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        NAMES
            .iter()
            .find_map(|name| lookup(&passwd, name))
            .context("we are root, and there is neither a user `postgres` nor `nobody`")
    }

    /// A command run by this account.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// `user:group` in numbers, where it is not our own.
    pub(super) fn ids(self) -> Option<String> {
        match self {
            Self::Own => None,
            Self::Other { uid, gid } => Some(format!("{uid}:{gid}")),
        }
    }

    /// Gives `path` to this account.
    pub(super) fn take(self, path: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            unix::fs::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("giving {} to user {uid}", path.display()))?;
        }
        Ok(())
    }

    /// Fails unless this account can reach `dir` and write there.
    pub(super) fn can_write(self, dir: &Path) -> Result<()> {
        let probe = r#"cd -- "$1" && test -w ."#;
        workspace::quiet(self.command("sh").args(["-c", probe, "probe"]).arg(dir).current_dir("/"))
    }

    /// Whether this account can run `program`.
    pub(super) fn can_run(self, program: &Path) -> bool {
        workspace::quiet(self.command(program).arg("--version").current_dir("/")).is_ok()
    }
}

fn lookup(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let mut ids = fields.skip(1).map(str::parse);
        Some(Account::Other { uid: ids.next()?.ok()?, gid: ids.next()?.ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:n:/:/bin/false\n";
        let nobody = Account::Other { uid: 65534, gid: 65533 };
        assert_eq!(lookup(passwd, "nobody"), Some(nobody));
        assert_eq!(lookup(passwd, "postgres"), None);
        assert_eq!(lookup(passwd, "no"), None);
    }
}
