"""What the charts promise, checked on what Helm renders from them."""

import importlib
import os
import re
import tomllib
from typing import Any

import pytest
import yaml

pytest.importorskip("helm_python", reason="`make check-deploy` brings the chart tools")
promql_parser: Any = pytest.importorskip("promql_parser", reason="`make check-deploy` brings the chart tools")
kubernetes_validate: Any = pytest.importorskip(
    "kubernetes_validate", reason="`make check-deploy` brings the chart tools"
)

from tests.deploy import charts  # noqa: E402
from tests.deploy.charts import BARE, EVERYTHING, as_text, by_name, of_kind, pod_specs, render  # noqa: E402
from tests.deploy.places import HELM, ROOT, SERVICES  # noqa: E402

KUBERNETES = "1.36"
CUSTOM = ("monitoring.coreos.com/", "keda.sh/", "kafka.strimzi.io/", "postgresql.cnpg.io/")
GOLDEN = ROOT / "tests" / "golden" / "charts"
VARIANTS = {"bare": BARE, "everything": EVERYTHING}

MIGRATES = {service: ["migrate"] for service in SERVICES} | {"members": ["migrate", "migrate-keys"]}

PODS = {"Deployment", "Job"}
DIFFERS = {
    "imagePullSecrets": PODS,
    "podAnnotations": {"Deployment"},
    "nodeSelector": PODS,
    "database": {"Job", "Cluster", "Database"},
    "kafka": PODS | {"KafkaTopic", "KafkaUser"},
    "ingress": {"Ingress"},
    "serviceMonitor": {"Service", "ServiceMonitor"},
    "components": {"Deployment", "HorizontalPodAutoscaler", "ScaledObject"},
}
"""The kinds of what an option of EVERYTHING changes, adds or takes away, by itself."""

both = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
each_service = pytest.mark.parametrize("service", SERVICES)


@each_service
@both
def test_helm_finds_nothing_to_object_to(service, values):
    assert charts.lint(service, values) == []


def test_helm_finds_nothing_to_object_to_in_the_umbrella():
    assert charts.lint("platform") == []


@each_service
@both
def test_every_manifest_is_valid_for_kubernetes(service, values):
    for manifest in render(service, values):
        if not manifest["apiVersion"].startswith(CUSTOM):
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@each_service
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_rendered_is_what_was_reviewed(service, variant):
    """Set WRITE_GOLDEN=1 to accept a change, and read the difference before you commit it."""
    rendered, golden = as_text(render(service, VARIANTS[variant])), GOLDEN / f"{service}-{variant}.yaml"
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        golden.write_text(rendered)
    assert rendered == golden.read_text()


@each_service
def test_the_umbrella_renders_a_service_as_its_own_chart_does(service):
    own = render(service, {**BARE, "publicUrl": "https://network.example.org"})
    umbrella = [
        manifest
        for manifest in render("platform", {"global": {"kafkaBootstrapServers": "kafka:9092"}})
        if manifest["metadata"]["labels"]["app.kubernetes.io/name"] == service
    ]
    assert as_text(umbrella) == as_text(own)


def test_a_service_that_does_not_exist_is_refused_in_the_umbrella():
    with pytest.raises(Exception, match="member"):
        render("platform", {"member": {"enabled": False}})


@pytest.mark.parametrize("chart", [*SERVICES, "platform"])
def test_the_dependencies_of_a_chart_are_those_that_were_locked(chart):
    assert charts.lock(chart) == (HELM / chart / "Chart.lock").read_text()


def test_the_umbrella_leaves_out_what_is_switched_off():
    names = {
        manifest["metadata"]["labels"]["app.kubernetes.io/name"]
        for manifest in render("platform", {"hub": {"enabled": False}})
    }
    assert names == set(SERVICES) - {"hub"}


@each_service
def test_another_tag_changes_the_tag_and_nothing_else(service):
    before = as_text(render(service, BARE)).splitlines()
    after = as_text(render(service, {**BARE, "image": {"tag": "9.9.9"}})).splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert all("9.9.9" in line for line in changed)


@pytest.mark.parametrize(("option", "kinds"), DIFFERS.items(), ids=DIFFERS)
@each_service
def test_an_option_changes_what_it_is_about_and_nothing_else(service, option, kinds):
    before, after = by_name(render(service, BARE)), by_name(render(service, {**BARE, option: EVERYTHING[option]}))
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert {kind for kind, _ in changed} == kinds


@each_service
@both
def test_pods_run_without_rights(service, values):
    for spec in pod_specs(render(service, values)):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] >= 10001
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


@each_service
def test_secrets_are_files_and_never_in_the_environment(service):
    for spec in pod_specs(render(service, EVERYTHING)):
        for container in spec["containers"]:
            assert [entry for entry in container["env"] if "valueFrom" in entry] == []
        (secrets,) = [volume for volume in spec["volumes"] if volume["name"] == "secrets"]
        assert "database_url" in str(secrets)


@each_service
def test_every_component_is_probed_and_may_be_evicted_one_by_one(service):
    manifests = render(service, BARE)
    deployments = of_kind(manifests, "Deployment")
    for deployment in deployments:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budgets = {budget["metadata"]["name"] for budget in of_kind(manifests, "PodDisruptionBudget")}
    assert budgets == {deployment["metadata"]["name"] for deployment in deployments}


@each_service
def test_no_service_may_call_another(service):
    (policy,) = of_kind(render(service, BARE), "NetworkPolicy")
    reachable = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert reachable & {80, 8080, 9090} == set()
    assert {5432, 9092} <= reachable


@each_service
def test_migrations_run_before_the_new_version(service):
    jobs = {job["metadata"]["name"]: job for job in of_kind(render(service, BARE), "Job")}
    migrate = jobs[f"net-{service}-migrate"]
    assert migrate["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert migrate["spec"]["template"]["spec"]["containers"][0]["args"] == ["migrate"]


@each_service
def test_only_what_migrates_knows_the_owner_of_the_database(service):
    files = {
        manifest["metadata"]["name"]: str(manifest["spec"]["template"]["spec"]["volumes"])
        for manifest in render(service, BARE)
        if manifest["kind"] in ("Deployment", "Job")
    }
    owned = {name for name, mounted in files.items() if f"'{service}-db-app'" in mounted}
    migrating = {f"net-{service}-{command}" for command in MIGRATES[service]}
    assert owned == migrating
    assert all(f"'{service}-db-service'" in mounted for mounted in files.values())


@each_service
def test_where_the_release_makes_its_database_migrations_are_no_hook(service):
    jobs = of_kind(render(service, EVERYTHING), "Job")
    assert jobs
    assert all("annotations" not in job["metadata"] for job in jobs)


@each_service
def test_strimzi_gets_the_topics_of_the_owner_and_a_user_with_just_its_rights(service):
    manifests = render(service, EVERYTHING)
    topics = of_kind(manifests, "KafkaTopic")
    written = yaml.safe_load((HELM / service / "files" / "topics.yaml").read_text())
    assert {topic["spec"]["topicName"] for topic in topics} == {f"test.{topic['name']}" for topic in written["owns"]}
    for topic in topics:
        assert topic["apiVersion"] == "kafka.strimzi.io/v1"
        assert topic["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", topic["metadata"]["name"])
        assert topic["spec"]["replicas"] == 3
        assert topic["spec"]["config"]["min.insync.replicas"] == "2"
    (user,) = of_kind(manifests, "KafkaUser")
    rights = user["spec"]["authorization"]["acls"]
    writes = {right["resource"].get("name") for right in rights if "Write" in right["operations"]}
    reads = {right["resource"].get("name") for right in rights if "Read" in right["operations"]}
    assert writes == {f"test.{topic['name']}" for topic in written["owns"]}
    assert reads == {f"test.{name}" for name in written["reads"]} | {f"test.{service}"}


@each_service
def test_a_service_logs_in_at_kafka_as_the_user_that_strimzi_makes_for_it(service):
    """Strimzi puts the password of a KafkaUser into a secret of its name, and the brokers' authority into another."""
    manifests = render(service, EVERYTHING)
    (user,) = of_kind(manifests, "KafkaUser")
    assert user["spec"]["authentication"]["type"] == "scram-sha-512"
    for spec in pod_specs(manifests):
        told = {entry["name"]: entry["value"] for entry in spec["containers"][0]["env"]}
        assert told["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
        assert told["KAFKA_SASL_MECHANISM"] == "SCRAM-SHA-512"
        assert told["KAFKA_USERNAME"] == user["metadata"]["name"]
        assert told["KAFKA_CA_FILE"] == "/run/secrets/kafka_ca.crt"
        (secrets,) = [volume["projected"]["sources"] for volume in spec["volumes"] if volume["name"] == "secrets"]
        files = {source["secret"]["name"]: source["secret"]["items"][0] for source in secrets}
        assert files[user["metadata"]["name"]] == {"key": "password", "path": "kafka_password"}
        assert files["kafka-cluster-ca-cert"] == {"key": "ca.crt", "path": "kafka_ca.crt"}


@each_service
def test_who_logs_in_somewhere_else_says_as_whom(service):
    with pytest.raises(Exception, match=r"kafka\.security\.(username|passwordSecret) is needed"):
        render(service, {**BARE, "kafka": {**BARE["kafka"], "security": {"protocol": "SASL_SSL"}}})


def test_scaling_follows_the_lag_of_the_group_and_takes_the_place_of_replicas():
    manifests = render("hub", EVERYTHING)
    (scaled,) = of_kind(manifests, "ScaledObject")
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    assert scaled["spec"]["scaleTargetRef"]["name"] == "net-hub-worker"
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["type"] == "kafka"
    assert trigger["metadata"] == {
        "bootstrapServers": "kafka:9093",
        "consumerGroup": "test.hub",
        "lagThreshold": "500",
        "offsetResetPolicy": "earliest",
        "sasl": "scram_sha512",
        "tls": "enable",
    }
    (login,) = of_kind(manifests, "TriggerAuthentication")
    assert trigger["authenticationRef"]["name"] == login["metadata"]["name"]
    assert all("replicas" not in deployment["spec"] for deployment in of_kind(manifests, "Deployment"))


@each_service
def test_scaling_looks_at_every_group_of_the_service_unless_it_is_told_which(service):
    groups = [consumers.group for consumers in importlib.import_module(f"{service}.app").service.consumers]
    (every,) = of_kind(render(service, EVERYTHING), "ScaledObject")
    assert [trigger["metadata"]["consumerGroup"] for trigger in every["spec"]["triggers"]] == [
        f"test.{group}" for group in groups
    ]
    told = {"minReplicas": 1, "maxReplicas": 64, "lagThreshold": 500, "consumerGroups": ["one"]}
    (one,) = of_kind(render(service, {**BARE, "components": {"worker": {"lagScaling": told}}}), "ScaledObject")
    assert [trigger["metadata"]["consumerGroup"] for trigger in one["spec"]["triggers"]] == ["one"]


def test_each_database_has_a_cluster_and_an_owner_of_its_own():
    manifests = render("members", EVERYTHING)
    clusters = {cluster["metadata"]["name"] for cluster in of_kind(manifests, "Cluster")}
    databases = {database["spec"]["name"]: database["spec"] for database in of_kind(manifests, "Database")}
    assert clusters == {"members-db", "members-vault-db"}
    assert databases["members"]["cluster"] == {"name": "members-db"}
    assert databases["members_vault"]["owner"] == "members_vault"
    roles = {role["name"] for cluster in of_kind(manifests, "Cluster") for role in cluster["spec"]["managed"]["roles"]}
    assert roles == {"members_service", "members_vault_service"}
    assert all(database["databaseReclaimPolicy"] == "retain" for database in databases.values())


def test_a_cluster_can_begin_at_a_moment_of_another_and_is_copied_itself():
    archive = {"name": "barman-cloud.cloudnative-pg.io", "parameters": {"barmanObjectName": "hub"}}
    told = {
        "name": "hub",
        "cluster": "hub-db-2",
        "createCluster": True,
        "instances": 2,
        "storage": "20Gi",
        "plugins": [{**archive, "isWALArchiver": True}],
        "scheduledBackup": {"schedule": "0 0 3 * * *", "method": "plugin"},
        "externalClusters": [{"name": "before", "plugin": archive}],
        "recovery": {"source": "before", "recoveryTarget": {"targetName": "before it went wrong"}},
    }
    manifests = render("hub", {**BARE, "database": {"cloudnativepg": {"enabled": True, "databases": [told]}}})
    (cluster,), (scheduled,) = of_kind(manifests, "Cluster"), of_kind(manifests, "ScheduledBackup")
    assert cluster["spec"]["bootstrap"] == {"recovery": {"database": "hub", "owner": "hub", **told["recovery"]}}
    assert cluster["spec"]["plugins"] == told["plugins"]
    assert cluster["spec"]["externalClusters"] == told["externalClusters"]
    assert scheduled["apiVersion"] == cluster["apiVersion"]
    assert scheduled["spec"] == {"cluster": {"name": "hub-db-2"}, **told["scheduledBackup"]}


@each_service
def test_every_pod_is_scraped_on_its_health_port(service):
    manifests = render(service, EVERYTHING)
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    (metrics,) = [found for found in of_kind(manifests, "Service") if found["metadata"]["name"].endswith("-metrics")]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= metrics["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == metrics["spec"]["ports"][0]["name"]


@each_service
def test_the_rules_that_wake_somebody_ask_for_this_release_alone(service):
    """They are those of deploy/dashboards, where each asks for all there is: {}."""
    manifests = render(service, EVERYTHING)
    (rule,) = of_kind(manifests, "PrometheusRule")
    (metrics,) = [found for found in of_kind(manifests, "Service") if found["metadata"]["name"].endswith("-metrics")]
    ours = f'{{namespace="network",job="{metrics["metadata"]["name"]}"}}'
    written = yaml.safe_load((ROOT / "deploy" / "dashboards" / "alerts.yaml").read_text())
    assert rule["spec"]["groups"] == [
        {**group, "rules": [{**one, "expr": one["expr"].replace("{}", ours)} for one in group["rules"]]}
        for group in written["groups"]
    ]
    for one in rule["spec"]["groups"][0]["rules"]:
        assert "{}" not in one["expr"]
        promql_parser.parse(one["expr"])


def test_rules_without_what_they_ask_for_are_refused():
    with pytest.raises(Exception, match=r"prometheusRule needs serviceMonitor\.enabled"):
        render("hub", {**BARE, "prometheusRule": {"enabled": True}})


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "members"])
def test_the_ingress_sends_a_service_the_paths_that_the_front_door_sends_it(service):
    (ingress,) = of_kind(render(service, EVERYTHING), "Ingress")
    paths = {path["path"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]}
    caddyfile = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    matchers = dict(re.findall(r"^\t@(\w+) path (.+)$", caddyfile, re.MULTILINE))
    handlers = re.findall(r"handle @(\w+) \{[^}]*?import to \S+ \{\$(\w+)\}", caddyfile)
    front_door = {
        path.removesuffix("/*")
        for matcher, owner in handlers
        if owner.lower() == service
        for path in matchers[matcher].split()
    }
    assert paths == front_door - {"/mailbox"}, "the mailbox is for development"


@each_service
def test_a_value_that_does_not_exist_is_refused(service):
    with pytest.raises(Exception, match="replicaCount"):
        render(service, {**BARE, "replicaCount": 3})


@each_service
def test_the_chart_installs_the_version_that_the_service_says_it_is(service):
    chart = yaml.safe_load((HELM / service / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]
    assert chart["appVersion"] == project["version"]


@each_service
def test_the_components_have_every_role_of_the_service_once(service):
    """The mailbox is for development."""
    roles = importlib.import_module(f"{service}.app").service.roles
    components = yaml.safe_load((HELM / service / "values.yaml").read_text())["components"]
    shared_out = [role for component in components.values() for role in component["roles"]]
    assert sorted(shared_out) == sorted(set(roles) - {"mailbox"})
