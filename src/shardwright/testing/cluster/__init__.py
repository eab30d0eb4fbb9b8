"""A real Kubernetes for tests, as plain processes, in three sizes; gone without a trace when its block ends.

`control_plane.running`: etcd and an API server. Objects are checked and kept, nothing acts on them. 3 s, no root.
`clusters.running(Cluster(managers=("lws",)))`: controllers, a scheduler, and the managers of LeaderWorkerSet (lws),
KServe (llmisvc, kserve) and KubeRay (kuberay) as asked for; pods are made and wait for a node. No root.
`clusters.running(Cluster(managers=("lws",), nodes=2))`: real nodes besides, which pretend to have GPUs; pods run, from
images that are made here (`images`), one of which shows what the machine has installed (`engine_pods`). Root, Debian's
containerd.

    programs = building.obtain_programs(cache_dir, names=clusters.program_names(wanted))    # built once; or found
    with clusters.running(wanted, programs, runs) as cluster, cluster.api() as api, cluster.namespace() as namespace:
        api.create(manifest)                                   # unknown fields are refused
        cluster.wait_until(lambda: ..., "the set is ready")    # a failure quotes the controllers' logs
        cluster.kubeconfig                                     # for kubectl, or what is to be tested

`fixtures` has all this as a fixture of pytest. `python -m shardwright.testing.cluster` builds the programs from their Go
modules, or finds them, and says where they are. To be used from the main thread.
"""
