# `terraform test`: plans the module with a provider that only knows the schema.

mock_provider "aws" {}

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
    condition     = length(aws_lambda_function.worker) == 0 && length(output.alarm_arns) == 9
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
    condition     = length(output.alarm_arns) == 10
    error_message = "Nobody watches the dead letters."
  }
}

run "without_credentials" {
  command         = plan
  expect_failures = [var.model_arns]
}
