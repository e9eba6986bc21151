"""Fails where a file of the repository holds what looks like a secret, by detect-secrets.

What is known to be none stands in `ALLOWED`, each with its reason; an entry that allows nothing fails as well. Keys made up
on the spot are planted first in files outside the repository, so that a scan which finds nothing is known to look.
`it::structure::no_secret_of_the_real_world_is_in_the_project` looks for Meta's own kinds of secrets.
"""

import json
import re
import secrets
import string
import subprocess
import sys
import tempfile
from pathlib import Path

# `--no-verify`: detect-secrets would otherwise send what it finds to its issuer, to ask whether it is valid.
# Words in lower case are names and test values ("simulated-app-secret"): no key is made of them.
SCAN = ["detect-secrets", "scan", "--no-verify", r"--exclude-secrets=^[a-z]+([-:/ ][a-z]+)*$"]

ALLOWED = [
    # file, text of the line, reason
    (r"^\.ci/secret_scan\.py$", r"", "this search itself"),
    (r"^template\.yaml$", r"secretsmanager:[A-Z]\w+$", "an action that a role grants"),
    (r"^README\.md$", r'^ *"state": "', "a login's state in an example: spent, and public in its address"),
    (r"^README\.md$", r'^ *"id": "[0-9a-f]{64}",$', "the id of an event in an example: a SHA-256"),
    (r"^(docs/openapi\.json|functions/webhooks/src/routes/list\.rs)$", r"7c1f0b8de2a94c63", "the same in the API's description"),
    (r"^(docs/openapi\.json|functions/(callback|connect)/src/lib\.rs)$", r"qfuj8lGF", "the same in the API's description"),
    (r"^docs/failures\.md$", r"`it::\w+::", "the name of a test"),
    (r"^(events|fuzz/corpus/lambda_event)/", r'"md5OfBody": "', "SQS's checksum of a sample task"),
    (r"^infra/world/src/sqs_event\.rs$", r'md5_of_body\("', "SQS's checksum of a sample task"),
    (r"^shared/src/digest\.rs$", r'^ +"ba7816bf', 'SHA-256 of "abc", from the standard'),
    (r"^infra/aws-sim/src/fault\.rs$", r"`secretsmanager`", "the name of a service"),
    (r"^infra/instagram-sim/src/media\.rs$", r'b"ABCDEFGHIJ', "an alphabet"),
    (r"^infra/aws-sim/tests/", r'"SecretId": "b/1"', "the name of a secret"),
]


def scan(directory, *arguments):
    """Findings in `directory`: `(file, line number, kind)` of each."""
    tool = str(Path(sys.executable).with_name(SCAN[0]))
    output = subprocess.run([tool, *SCAN[1:], *arguments], cwd=directory, check=True, capture_output=True).stdout
    return [
        (file, finding["line_number"], finding["type"])
        for file, findings in json.loads(output)["results"].items()
        for finding in findings
    ]


def planted():
    """A line that holds a fresh key, for each kind of key that could slip in here."""

    def letters(alphabet, length):
        return "".join(secrets.choice(alphabet) for _ in range(length))

    base64 = string.ascii_letters + string.digits
    return {
        "AWS access key": f"aws_access_key_id = AKIA{letters(string.ascii_uppercase + string.digits, 16)}",
        "AWS secret key": f'let aws_key = "{letters(base64, 40)}";',
        "app secret": f'"instagramAppSecret": "{secrets.token_hex(16)}"',
        "token of Meta's": f'let token = "IGAA{letters(base64, 150)}";',
        "JWT": f"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.{letters(base64, 43)}",
        "password": f"password: {letters(base64, 16)}",
        "private key": "-----BEGIN " + "PRIVATE KEY-----",
    }


def main():
    with tempfile.TemporaryDirectory() as directory:
        kinds = planted()
        for number, line in enumerate(kinds.values()):
            Path(directory, f"{number}.yaml").write_text(line + "\n")
        found = {file for file, _, _ in scan(directory, "--all-files", ".")}
        missed = [kind for number, kind in enumerate(kinds) if f"{number}.yaml" not in found]
        if missed:
            sys.exit(f"planted and not found: {', '.join(missed)}")

    root = Path(__file__).resolve().parent.parent
    used, problems = set(), []
    for file, number, kind in scan(root):
        line = (root / file).read_text().splitlines()[number - 1]
        rules = [rule for rule in ALLOWED if re.search(rule[0], file) and re.search(rule[1], line)]
        used.update(rules)
        if not rules:
            problems.append(f"{file}:{number}: {kind}")
    problems += [f"{rule[0]} {rule[1]} is allowed, and not there" for rule in ALLOWED if rule not in used]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(kinds)} kinds of planted keys found, none in the repository")


main()
