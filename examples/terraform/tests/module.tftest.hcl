# `terraform test`: plans and applies the module with a mocked provider. What the real provider
# computes is made up by Terraform; where the real schema checks a value that goes on into another
# resource, the made-up one has its form.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:rule/mocked" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:mocked" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:123456789012:mocked" }
  }
}

variables {
  bucket    = "my-bucket"
  functions = { support = ["my-agent"] }
}

run "with_a_secret" {
  command = plan
  variables {
    api_key_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:claude-AbCdEf"
  }
  assert {
    condition     = aws_lambda_function.keep_warm.environment[0].variables.PREFIXWARM_API_KEY_SECRET == var.api_key_arn
    error_message = "The keep-warm function does not know its key."
  }
  assert {
    condition     = length(data.aws_iam_policy_document.credentials.statement) == 1
    error_message = "A key is one statement."
  }
  assert {
    condition     = length(aws_cloudwatch_event_rule.asked) == 0
    error_message = "No event asks unless the user says so."
  }
  assert {
    condition     = length(aws_lambda_function.worker) == 0 && length(output.alarm_arns) == 2
    error_message = "There are no workers unless they are asked for."
  }
}

run "with_the_functions_role" {
  command = plan
  variables {
    model_arns = ["arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-5-5"]
  }
  assert {
    condition     = !contains(keys(output.environment), "PREFIXWARM_API_KEY_SECRET")
    error_message = "There is no key to look for."
  }
  assert {
    condition     = contains(data.aws_iam_policy_document.credentials.statement[0].resources, var.model_arns[0])
    error_message = "The functions may call another model."
  }
}

run "with_workers" {
  command = apply
  variables {
    api_key_arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/claude"
    workers     = true
  }
  assert {
    condition     = aws_lambda_function.keep_warm.environment[0].variables.PREFIXWARM_QUEUE == aws_sqs_queue.work[0].url
    error_message = "The tick does not know the queue of its workers."
  }
  assert {
    condition     = length(output.alarm_arns) == 3
    error_message = "Nobody watches the dead letters."
  }
}

run "with_events_that_ask" {
  command = apply
  variables {
    api_key_arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/claude"
    ask_events  = true
  }
  assert {
    condition     = aws_lambda_permission.asked[0].source_arn == aws_cloudwatch_event_rule.asked[0].arn
    error_message = "The rule may not start the keep-warm function."
  }
  assert {
    condition     = output.keep_warm_function_name == "prefixwarm-keep-warm"
    error_message = "Nobody knows whom to ask."
  }
}

run "without_credentials" {
  command         = plan
  expect_failures = [var.model_arns]
}
