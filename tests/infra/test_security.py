"""Each rule of security over each stack: where it fails, the stack's configuration says so, or SECURITY.md does."""

from functools import cache

import pytest

from contract.functions import FUNCTIONS
from tests.infra.evaluation import evaluate_stack
from tests.infra.security_rules import RULES, broken

# What fails in every stack, for the reason that SECURITY.md gives.
EXCEPTIONS = {
    "145 buckets are encrypted with our key": {"data-lake-access-logs"},
    # Parts of a composite alarm, which tells somebody.
    "319 alarms tell somebody": {"operation-begun", "operation-late"},
    # Compaction takes a raw object out of the listed prefix once its copy under a prefix of its own is verified.
    "286 287 288 289 roles cannot raise themselves or change code": {"processing-features-policy"},
}
# What a stack lacks that spares its cost, and the switch (of Pulumi.<stack>.yaml) that brings it.
SWITCHES = {
    "18 access to buckets is logged": "accessLogging",
    "50 runs are traced": "tracing",
    "115 runs at once are bounded": "reservedConcurrency",
    "119 tables are encrypted with our key": "customerManagedKey",
    "145 buckets are encrypted with our key": "customerManagedKey",
    "158 logs are encrypted with our key": "customerManagedKey",
    "173 environments are encrypted with our key": "customerManagedKey",
    "284 executions are traced": "tracing",
    "297 schedules are encrypted with our key": "customerManagedKey",
    "tables refuse to be deleted": "protectData",
}
ABSENT = {"258 no function has a URL"}


@pytest.mark.parametrize("rule", RULES)
def test_production_meets_each_rule_but_for_the_exceptions(evaluated, rule):
    assert RULES[rule].failures(evaluated("prod")) == EXCEPTIONS.get(rule, set())


@pytest.mark.parametrize("stack", ["dev", "local"])
@pytest.mark.parametrize("rule", RULES)
def test_a_cheap_stack_lacks_only_what_a_switch_brings(evaluated, rule, stack):
    failures = RULES[rule].failures(evaluated(stack))
    assert bool(failures - EXCEPTIONS.get(rule, set())) is (rule in SWITCHES)


@pytest.mark.parametrize("rule", SWITCHES)
def test_the_switch_brings_what_the_cheap_stack_lacks(rule):
    assert RULES[rule].failures(_switched(SWITCHES[rule])) <= EXCEPTIONS.get(rule, set())


@pytest.mark.parametrize("rule", RULES)
def test_a_resource_that_breaks_a_rule_is_found(evaluated, rule):
    evaluation = evaluated("prod")
    assert RULES[rule].failures(broken(RULES[rule], evaluation)) > RULES[rule].failures(evaluation)


def test_each_rule_has_something_to_look_at(evaluated):
    evaluation = evaluated("prod")
    idle = {name for name, rule in RULES.items() if not evaluation.of(rule.kind)}
    assert idle == ABSENT


@cache
def _switched(switch):
    value = dict.fromkeys(FUNCTIONS, 20) if switch == "reservedConcurrency" else True
    return evaluate_stack("dev", config={switch: value})
