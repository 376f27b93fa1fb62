"""The files a cluster is configured by, written from a ClusterConfig."""

from pathlib import Path

from . import power


def write_all(config, layout, base, version, system_plugins):
    text = slurm_conf(config, layout, base, system_plugins)
    layout.slurm_conf.write_text(text)
    for index in range(1, config.controllers):
        # A controller kills whom it finds in its pid file: each needs its own.
        name = f"slurmctld{index + 1}"
        layout.controller_conf(index).write_text(
            text.replace("/slurmctld.pid", f"/{name}.pid")
                .replace("/slurmctld.log", f"/{name}.log"))
    if version >= (23, 2):
        # There is no systemd or writable cgroup tree to lean on here.
        (layout.etc / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
    layout.plugstack.write_text(plugstack(config, layout))
    write_names(config, layout)


def slurm_conf(config, layout, base, system_plugins):
    d = layout.dir
    hosts = [f"SlurmctldHost={name}(127.0.0.{i + 1})"
             for i, name in enumerate(config.controller_names())]
    settings = {
        "ClusterName": config.name,
        "SlurmUser": "root",
        "SlurmctldPort": base,
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={layout.munge_socket}",
        "CredType": "cred/munge",
        "StateSaveLocation": layout.state,
        "SlurmdSpoolDir": d / "%n" / "spool",
        "SlurmdPidFile": d / "%n" / "slurmd.pid",
        "SlurmctldPidFile": d / "slurmctld.pid",
        "SlurmctldLogFile": layout.log / "slurmctld.log",
        "SlurmdLogFile": layout.log / "slurmd-%n.log",
        "SlurmctldDebug": config.debug,
        "SlurmdDebug": config.debug,
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "MpiDefault": "none",
        "MailProg": "/bin/true",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU",
        "SchedulerParameters": config.scheduler_parameters,
        "SlurmdParameters": "config_overrides",
        "ReturnToService": 2,
        "KillWait": config.kill_wait,
        "MinJobAge": config.min_job_age,
        "PlugStackConfig": layout.plugstack,
    }
    if config.controllers > 1:
        # Both have the one SlurmctldPort: each is to take its own address only.
        settings["CommunicationParameters"] = "NoCtldInAddrAny"
        settings["DebugFlags"] = "NO_CONF_HASH"  # their files differ, see write_all
    settings.update(plugin_settings(config, layout, system_plugins))
    if config.cloud:
        settings.update(cloud_settings(config.cloud))
    extra = [line for line in config.slurm_conf if line.strip()]
    if config.power:
        extra += power.slurm_conf_lines(layout)
    for line in extra:
        replaced = line.split("=", 1)[0].strip().lower()
        settings = {k: v for k, v in settings.items() if k.lower() != replaced}
    return "\n".join([*hosts, *(f"{k}={v}" for k, v in settings.items()), *extra,
                      *node_lines(config, base), *config.partitions]) + "\n"


def plugin_settings(config, layout, system_plugins):
    ours, settings = [], {}
    if "prep" in config.plugins:
        ours.append(layout.build / "ctld" / "prep")
        settings["PrEpPlugins"] = "prep/script,prep/sluice"
        settings["PrEpParameters"] = ",".join(
            [f"sluice_inbox={layout.inbox}", *config.prep_parameters])
    if "jobcomp" in config.plugins:
        ours.append(layout.build / "ctld" / "jobcomp")
        settings["JobCompType"] = "jobcomp/sluice"
        settings["JobCompLoc"] = layout.inbox
    settings["PluginDir"] = ":".join(map(str, [*ours, system_plugins]))
    return settings


def cloud_settings(cloud):
    return {"ResumeProgram": cloud.resume_program, "SuspendProgram": cloud.suspend_program,
            "ResumeTimeout": cloud.resume_timeout, "SuspendTimeout": cloud.suspend_timeout,
            "SuspendTime": cloud.suspend_time, "PrivateData": "CLOUD",
            # Else the nodes that are simply there would be suspended too.
            "SuspendExcParts": "main"}


def node_lines(config, base):
    first = base + 1 + config.controllers
    lines = []
    if config.nodes:
        names, ports = f"n[0-{config.nodes - 1}]", f"[{first}-{first + config.nodes - 1}]"
        lines += [f"NodeName={names} NodeHostname={names} NodeAddr=127.0.0.1 Port={ports} "
                  f"CPUs={config.cpus} RealMemory=16000",
                  f"PartitionName=main Nodes={names} Default=YES MaxTime=INFINITE State=UP"]
    if config.cloud:
        count, first = config.cloud.count, first + config.nodes
        lines += [f"NodeName=cloud[0-{count - 1}] NodeHostname=localhost "
                  f"Port=[{first}-{first + count - 1}] CPUs={config.cloud.cpus} "
                  "RealMemory=16000 State=CLOUD",
                  f"PartitionName=cloud Nodes=cloud[0-{count - 1}] MaxTime=INFINITE State=UP",
                  *config.cloud.extra]
    return lines


def plugstack(config, layout):
    if "spank" not in config.plugins:
        return "\n"
    arguments = [f"inbox={layout.dir}/%n/inbox", *config.spank_arguments]
    return f"optional {layout.build}/spank/spank_sluice.so {' '.join(arguments)}\n"


def write_names(config, layout):
    """The private passwd, group and hosts, which the supervisor binds over the system's."""
    base = Path("/etc")
    if config.root:
        from .roots import ensure
        base = ensure(config.root) / "etc"
    members = {group: [] for group in config.groups}
    passwd, groups = [], []
    for user, (uid, further) in config.users.items():
        passwd.append(f"{user}:x:{uid}:{uid}:{user}:{layout.home(user)}:/bin/bash")
        groups.append(f"{user}:x:{uid}:")
        for group in further:
            members[group].append(user)
    groups += [f"{g}:x:{gid}:{','.join(members[g])}" for g, gid in config.groups.items()]
    for name, lines in (("passwd", passwd), ("group", groups)):
        text = (base / name).read_text()
        (layout.etc / name).write_text(text.rstrip("\n") + "\n" + "\n".join(lines) + "\n")
    cloud = [f"cloud{i}" for i in range(config.cloud.count)] if config.cloud else []
    hosts = [f"127.0.0.{i + 1} {name}" for i, name in enumerate(config.controller_names())]
    hosts[0] += " localhost"
    if config.power:
        cloud += config.power.node_names()
    names = " ".join(config.node_names() + cloud)
    (layout.etc / "hosts").write_text("\n".join([*hosts, f"127.0.0.1 {names}"]) + "\n")
