locals {
  keep_warm_environment = merge(local.environment, {
    PREFIXWARM_MANIFEST     = "s3://${var.bucket}/${local.deployment.ManifestKey}"
    PREFIXWARM_FUNCTIONS    = jsonencode(var.functions)
    POWERTOOLS_SERVICE_NAME = var.name
  })
}

# What the keep-warm function and its workers have in common.
data "aws_iam_policy_document" "warm" {
  source_policy_documents = [data.aws_iam_policy_document.credentials.json]

  statement {
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.state.arn]
  }
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/prefixwarm/*"]
  }
}

data "aws_iam_policy_document" "keep_warm" {
  source_policy_documents = [data.aws_iam_policy_document.warm.json]

  statement {
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.state.arn}/index/due"]
  }
  statement {
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"]
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.keep_warm.arn}:*"]
  }
  dynamic "statement" {
    for_each = aws_sqs_queue.work
    content {
      actions   = ["sqs:SendMessage"]
      resources = [statement.value.arn]
    }
  }
}

data "aws_iam_policy_document" "schedule" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.keep_warm.arn]
  }
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.undelivered.arn]
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
    variables = merge(local.keep_warm_environment, {
      for queue in aws_sqs_queue.work : "PREFIXWARM_QUEUE" => queue.url
    })
  }
  depends_on = [aws_cloudwatch_log_group.keep_warm, aws_s3_object.manifest]
}

resource "aws_lambda_function_event_invoke_config" "keep_warm" {
  function_name                = aws_lambda_function.keep_warm.function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.name}-undelivered"
  message_retention_seconds = 345600
  sqs_managed_sse_enabled   = true
}

resource "aws_iam_role" "schedule" {
  name               = "${var.name}-schedule"
  assume_role_policy = data.aws_iam_policy_document.assume["scheduler"].json
}

resource "aws_iam_role_policy" "schedule" {
  role   = aws_iam_role.schedule.name
  policy = data.aws_iam_policy_document.schedule.json
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
    dead_letter_config {
      arn = aws_sqs_queue.undelivered.arn
    }
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 0
    }
  }
}
