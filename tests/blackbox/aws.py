"""An AWS emulator that this project did not write, with what template.yaml says in it.

`aws.py TEMPLATE`, with the app's secret as JSON in APP_SECRET, starts moto on a free port of this machine, hands table and
queues of the template to its CloudFormation, and makes by its API what that does not know (secret, bus, schedules). It prints
one line of JSON that says where everything is and what each function's environment is, and ends with its standard input.
"""

import json
import os
import sys

import boto3
import yaml
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
# What moto's CloudFormation makes itself.
MADE_BY_STACK = ["Table", "AccountQueue", "DeadLetters", "PostQueue", "PostDeadLetters", "EventQueue", "EventDeadLetters",
                 "ScheduleRole"]
# What must be given, and what makes the most log lines to be searched for secrets.
PARAMETERS = {"ReturnTo": "https://app.example.com", "Mode": "development", "LogLevel": "debug"}


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` becomes `{"Ref": "X"}`."""


def long_form(loader, suffix, node):
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Template.add_multi_constructor("!", long_form)


def client(service, url):
    return boto3.client(
        service, endpoint_url=url, region_name=REGION, aws_access_key_id="DEPLOY", aws_secret_access_key="unused"
    )


def deploy(template, url):
    """Every function's name, program, environment, routes, and which queue it takes."""
    resources = template["Resources"]
    of_type = lambda kind: {name: it for name, it in resources.items() if it["Type"] == kind}

    group = client("scheduler", url).create_schedule_group(Name="instagram")["ScheduleGroupArn"].split("/")[-1]
    secret = client("secretsmanager", url).create_secret(Name="instagram/app", SecretString=os.environ["APP_SECRET"])["ARN"]
    # moto's CloudFormation makes a bus, too, but has no name for what refers to it.
    bus = client("events", url).create_event_bus(Name="instagram")["EventBusArn"].split("/")[-1]

    functions = of_type("AWS::Serverless::Function")
    for_all = template["Globals"]["Function"]["Environment"]["Variables"]
    variables = {
        name: for_all | it["Properties"].get("Environment", {}).get("Variables", {}) for name, it in functions.items()
    }
    made = {name: resources[name] for name in MADE_BY_STACK}
    # Scheduler assumes no role in moto, and what its role may do refers to what is not in this stack.
    made["ScheduleRole"] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    elsewhere = {"AppSecret": secret, "EventBus": bus, "ScheduleGroup": group, "Api": "localapi00"}
    stack = {
        "AWSTemplateFormatVersion": "2010-09-09",
        # What the stack refers to and does not make is given to it.
        "Parameters": template["Parameters"] | {name: {"Type": "String"} for name in elsewhere},
        "Conditions": template["Conditions"],
        "Resources": made,
        "Outputs": {
            f"{function}X{number}": {"Description": f"{function} {name}", "Value": values[name]}
            for function, values in variables.items()
            for number, name in enumerate(values)
        },
    }
    given = PARAMETERS | elsewhere
    cloudformation = client("cloudformation", url)
    cloudformation.create_stack(
        StackName="instagram",
        TemplateBody=json.dumps(stack),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    )
    described = cloudformation.describe_stacks(StackName="instagram")["Stacks"][0]
    environments = {name: {} for name in functions}
    for output in described["Outputs"]:
        function, name = output["Description"].split(" ")
        environments[function][name] = output["OutputValue"]

    some = next(iter(environments.values()))
    for schedule in of_type("AWS::Scheduler::Schedule").values():
        queue, _ = schedule["Properties"]["Target"]["Arn"]["Fn::GetAtt"]
        arn = some["POST_QUEUE_ARN" if queue == "PostQueue" else "ACCOUNT_QUEUE_ARN"]
        target = schedule["Properties"]["Target"] | {"Arn": arn, "RoleArn": some["SCHEDULE_ROLE_ARN"]}
        client("scheduler", url).create_schedule(**schedule["Properties"] | {"GroupName": group, "Target": target})

    routes = {name: [] for name in functions}
    for route in of_type("AWS::ApiGatewayV2::Route").values():
        integration = route["Properties"]["Target"]["Fn::Sub"].removeprefix("integrations/${").removesuffix("}")
        function, _ = resources[integration]["Properties"]["IntegrationUri"]["Fn::GetAtt"]
        routes[function].append(route["Properties"]["RouteKey"])
    return {
        "url": url,
        "deadLettersUrl": client("sqs", url).get_queue_url(QueueName="instagram-accounts-dead-letters")["QueueUrl"],
        "functions": [
            {
                "name": name,
                "program": it["Metadata"]["BuildProperties"]["Binary"],
                "environment": environments[name],
                "routes": routes[name],
                "queue": next(iter(it["Properties"].get("Events", {})), None),
            }
            for name, it in functions.items()
        ],
    }


def main():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with open(sys.argv[1]) as file:
        template = yaml.load(file, Template)
    print(json.dumps(deploy(template, f"http://{host}:{port}")), flush=True)
    sys.stdin.read()


main()
