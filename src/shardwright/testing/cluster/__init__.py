"""A real Kubernetes API for tests: etcd and kube-apiserver as processes of this user, without root and containers.

    programs = building.obtain_programs(cache_dir)                # built once, minutes; or found
    with control_plane.running(programs, runs) as plane, plane.api() as api:
        crds.install(api, crds.read_module("lws"))                # definitions, waited for
        api.create(manifest, dry_run=True)                        # checked as a cluster would, unknown fields refused

`python -m shardwright.testing.cluster` builds or finds the programs and says where they are. Nothing acts on objects:
there are no controllers and no nodes.
"""
