terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60"
    }
  }
}

variable "name" {
  description = "Name of the deployment, and of its resources"
  type        = string
  default     = "prefixwarm"
}

variable "build" {
  description = "Folder that `prefixwarm layer package` wrote"
  type        = string
}

variable "bucket" {
  description = "Bucket for the manifest and the prefix files"
  type        = string
}

variable "api_key_secret_arn" {
  description = "ARN of the secret that holds the Claude API key"
  type        = string
}

variable "functions" {
  description = "Names of the functions that send each prefix, by the prefix's name"
  type        = map(list(string))
  default     = {}
}

locals {
  deployment = jsondecode(file("${var.build}/deployment.json"))
  environment = {
    PREFIXWARM_TABLE          = aws_dynamodb_table.state.name
    PREFIXWARM_API_KEY_SECRET = var.api_key_secret_arn
    PREFIXWARM_CACHE_SCOPE    = local.deployment.CacheScope
    PREFIXWARM_DEPLOYMENT     = var.name
  }
}

resource "aws_dynamodb_table" "state" {
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "due_shard"
    type = "S"
  }
  attribute {
    name = "due_at"
    type = "N"
  }
  global_secondary_index {
    name            = "due"
    hash_key        = "due_shard"
    range_key       = "due_at"
    projection_type = "ALL"
  }
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled = true
  }
}

resource "aws_lambda_layer_version" "extension" {
  layer_name               = var.name
  description              = "Warms prompt-cache prefixes in the init phase"
  filename                 = "${var.build}/layer.zip"
  source_code_hash         = filebase64sha256("${var.build}/layer.zip")
  compatible_architectures = ["x86_64", "arm64"]
}

resource "aws_s3_object" "manifest" {
  for_each = fileset("${var.build}/objects", "*.json")
  bucket   = var.bucket
  key      = "prefixwarm/${each.value}"
  source   = "${var.build}/objects/${each.value}"
}

data "aws_iam_policy_document" "agent" {
  statement {
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.state.arn]
    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = local.deployment.StateKeys
    }
  }
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.api_key_secret_arn]
  }
}

data "aws_iam_policy_document" "keep_warm" {
  statement {
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.state.arn]
  }
  statement {
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.state.arn}/index/due"]
  }
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::${var.bucket}/prefixwarm/*"]
  }
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.api_key_secret_arn]
  }
  statement {
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"]
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.keep_warm.arn}:*"]
  }
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["lambda", "scheduler"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "keep_warm" {
  name               = "${var.name}-keep-warm"
  assume_role_policy = data.aws_iam_policy_document.assume["lambda"].json
}

resource "aws_iam_role_policy" "keep_warm" {
  role   = aws_iam_role.keep_warm.name
  policy = data.aws_iam_policy_document.keep_warm.json
}

resource "aws_cloudwatch_log_group" "keep_warm" {
  name              = "/aws/lambda/${var.name}-keep-warm"
  retention_in_days = 30
}

resource "aws_lambda_function" "keep_warm" {
  function_name    = "${var.name}-keep-warm"
  description      = "Keeps prompt-cache prefixes warm"
  filename         = "${var.build}/keepwarm.zip"
  source_code_hash = filebase64sha256("${var.build}/keepwarm.zip")
  handler          = "prefixwarm.keepwarm.handler.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  memory_size      = 512
  timeout          = 60
  role             = aws_iam_role.keep_warm.arn

  environment {
    variables = merge(local.environment, {
      PREFIXWARM_MANIFEST     = "s3://${var.bucket}/${local.deployment.ManifestKey}"
      PREFIXWARM_FUNCTIONS    = jsonencode(var.functions)
      POWERTOOLS_SERVICE_NAME = var.name
    })
  }
  depends_on = [aws_cloudwatch_log_group.keep_warm, aws_s3_object.manifest]
}

resource "aws_lambda_function_event_invoke_config" "keep_warm" {
  function_name                = aws_lambda_function.keep_warm.function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

resource "aws_iam_role" "schedule" {
  name               = "${var.name}-schedule"
  assume_role_policy = data.aws_iam_policy_document.assume["scheduler"].json
}

resource "aws_iam_role_policy" "schedule" {
  role = aws_iam_role.schedule.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = aws_lambda_function.keep_warm.arn
    }]
  })
}

resource "aws_scheduler_schedule" "keep_warm" {
  name                = "${var.name}-keep-warm"
  schedule_expression = "rate(1 minute)"

  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_lambda_function.keep_warm.arn
    role_arn = aws_iam_role.schedule.arn
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 0
    }
  }
}

output "layer_arn" {
  description = "Add it to the agent's function"
  value       = aws_lambda_layer_version.extension.arn
}

output "environment" {
  description = "Merge it into the agent's environment"
  value       = local.environment
}

output "agent_policy" {
  description = "Attach it to the agent's role"
  value       = data.aws_iam_policy_document.agent.json
}
