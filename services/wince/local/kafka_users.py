"""Who may sign in to a Kafka that was started here, and what each may do: a new password for each service at each start, and the rights
of `bus/access.py`."""

from __future__ import annotations

import secrets
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from wince.bus.access import PRINCIPALS, principal, rights
from wince.bus.kafka_options import KafkaOptions
from wince.bus.names import Names
from wince.errors import Refused

MECHANISM = "SCRAM-SHA-512"


def user(service: str) -> str:
    """The name by which a service signs in.

    >>> user("detect")
    'wince-detect'
    """
    return principal(service).removeprefix("User:")


def admit(administrator: KafkaOptions) -> dict[str, str]:
    """Give every service a new password, and the rights of the table; whatever else was granted, or could sign in, is taken away.

    Returns passwords by service. Raises Unavailable, Refused.
    """
    passwords = {service: secrets.token_urlsafe(32) for service in PRINCIPALS}
    admin = administrator.admin()
    try:
        _set_passwords(admin, {user(service): password for service, password in passwords.items()})
        _set_rights(admin, administrator.names)
    except (kafka_errors.KafkaError, OSError) as error:
        raise administrator.error(error) from None
    finally:
        admin.close()
    return passwords


def _set_passwords(admin: KafkaAdminClient, passwords: dict[str, str]) -> None:
    others = [
        UserScramCredentialDeletion(name, credential["mechanism"])
        for name, found in admin.describe_user_scram_credentials().items()
        for credential in found["credential_infos"]
        if name not in passwords or credential["mechanism"].hash_name != "sha512"
    ]
    given = [UserScramCredentialUpsertion(name, MECHANISM, password) for name, password in passwords.items()]
    for alterations in filter(None, (others, given)):  # apart: Kafka alters a user once in a request
        answers: dict[str, Any] = admin.alter_user_scram_credentials(alterations)
        if refused := [name for name, error in answers.items() if error]:
            raise Refused(f"Kafka does not take the credentials of {', '.join(refused)}", field="SCRAM")


def _set_rights(admin: KafkaAdminClient, names: Names) -> None:
    whatever = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, _ = admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, whatever))
    wanted = {_key(acl): acl for acl in _acls(names)}
    there = {_key(acl): acl for acl in found}
    missing = [acl for key, acl in wanted.items() if key not in there]
    more = [acl for key, acl in there.items() if key not in wanted]
    if missing and (failed := admin.create_acls(missing)["failed"]):
        raise failed[0]
    if more:
        admin.delete_acls([ACLFilter(acl.principal, acl.host, acl.operation, acl.permission_type, acl.resource_pattern) for acl in more])


def _acls(names: Names) -> list[ACL]:
    kinds = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
    return [
        ACL(principal(service), "*", _operation(right.operation), ACLPermissionType.ALLOW, ResourcePattern(kinds[right.kind], right.name))
        for service in PRINCIPALS
        for right in rights(service, names)
    ]


def _operation(name: str) -> ACLOperation:
    """Kafka's tools say DescribeConfigs, the library DESCRIBE_CONFIGS."""
    return next(one for one in ACLOperation if one.name.replace("_", "") == name.upper())


def _key(acl: ACL) -> tuple[object, ...]:
    pattern = acl.resource_pattern
    return (acl.principal, acl.host, acl.operation, acl.permission_type, pattern.resource_type, pattern.resource_name, pattern.pattern_type)
